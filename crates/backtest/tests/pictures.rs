//! Each template's picture shows what it does on a made-up market: price, indicators, orders that
//! were filled. `UPDATE_DOCS=1 cargo test -p backtest --test pictures` draws them anew.
#![allow(clippy::unwrap_used)]

#[path = "pictures/drawing.rs"]
mod drawing;
#[path = "pictures/market.rs"]
mod market;
#[path = "pictures/shown.rs"]
mod shown;

use std::fmt::Write as _;
use std::path::Path;

use shown::Behaviour;
use strategy_engine::{Template, templates};

const BEGIN: &str = "Strategies to begin with. In the dashboard, *New strategy* makes a copy that can be \
    changed; over HTTP they are at `/v1/templates`, in both forms. Each is shown on the same made-up \
    market, 420 trades a minute apart, each of them a bar: it rises, swings, jumps, tumbles, swings, \
    falls slowly, and rises. ▲ is a purchase, ▼ a sale, each filled at the trade after its signal. What \
    they earn there means nothing: the market was made to show them at work.";

/// Text in lines of about a hundred characters.
fn wrapped(text: &str) -> String {
    let mut wrapped = String::new();
    let mut width = 0;
    for word in text.split_whitespace() {
        if width + word.len() > 110 {
            wrapped.push('\n');
            width = 0;
        }
        let apart = if width == 0 { "" } else { " " };
        let _ = write!(wrapped, "{apart}{word}");
        width += word.len() + 1;
    }
    wrapped
}

fn section(template: &Template) -> String {
    let Template {
        key,
        name,
        description,
        script,
        ..
    } = template;
    let about = wrapped(&format!("`{key}`. {description}"));
    format!(
        "\n## {name}\n\n{about}\n\n![{name} on a made-up market](images/templates/{key}.svg)\n\n\
         ```python\n{script}```\n"
    )
}

/// The crate has its pictures beside its templates, and the book can show none from outside it.
#[test]
fn each_template_is_shown_as_it_trades() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let market = market::market();
    let mut page = format!("# Templates\n\n{}\n", wrapped(BEGIN));
    let mut files = Vec::new();
    let mut idle = Vec::new();
    for template in templates() {
        let behaviour = Behaviour::of(template, &market);
        let (bought, sold) = behaviour.counts();
        if bought == 0 || sold == 0 {
            idle.push(format!("{}: {bought} bought, {sold} sold", template.key));
        }
        let picture = drawing::svg(template.name, &behaviour);
        for folder in ["crates/strategy-engine/templates", "docs/images/templates"] {
            files.push((format!("{folder}/{}.svg", template.key), picture.clone()));
        }
        page.push_str(&section(template));
    }
    assert!(idle.is_empty(), "{idle:?}");
    files.push(("docs/strategy-templates.md".to_owned(), page));
    for (file, text) in files {
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(root.join(&file), text).unwrap();
            continue;
        }
        assert_eq!(
            std::fs::read_to_string(root.join(&file)).unwrap_or_default(),
            text,
            "{file} is out of date: UPDATE_DOCS=1 cargo test -p backtest --test pictures"
        );
    }
}
