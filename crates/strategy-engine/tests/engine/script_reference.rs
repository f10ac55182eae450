//! docs/strategy-script.md is complete, and its examples compile. `UPDATE_DOCS=1 cargo test -p
//! strategy-engine script_reference` writes its tables anew.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use strategy_engine::{
    Function, SCRIPT_CODES, SPECIAL, Severity, Takes, compile_script, format_script, functions,
};

use crate::script_problems::cases;
use crate::scripts::clean;

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/strategy-script.md")
}

fn signature(function: &Function) -> String {
    let mut arguments: Vec<String> = Vec::new();
    let mut by_name = false;
    for argument in function.arguments {
        let is_named = matches!(
            argument.takes,
            Takes::Market(_) | Takes::MaybeCondition(_) | Takes::Span(_)
        );
        if is_named && !by_name {
            arguments.push("*".to_owned());
            by_name = true;
        }
        arguments.push(match function.default_of(*argument) {
            None => argument.name.to_owned(),
            Some("") => format!("{}=", argument.name),
            Some(default) => format!("{}=[{default}]", argument.name),
        });
    }
    format!("{}({})", function.name, arguments.join(", "))
}

fn function_reference() -> String {
    let mut text = String::from("\n| function | results | node |\n|---|---|---|\n");
    for function in functions() {
        let results: Vec<String> = match function.results {
            [("", _)] => Vec::new(),
            results => results
                .iter()
                .map(|(name, _)| format!("`.{name}`"))
                .collect(),
        };
        let mut results = results.join(", ");
        if function.has_main_result {
            let _ = write!(results, "; alone, the first");
        }
        let mut node = format!("`{}`", function.node);
        for (field, value) in function.fixed {
            let _ = write!(node, " with `{field}` {value}");
        }
        let _ = writeln!(text, "| `{}` | {results} | {node} |", signature(function));
    }
    text
}

fn special_reference() -> String {
    let mut text = String::from("\n| function | meaning |\n|---|---|\n");
    for (_, signature, meaning) in SPECIAL {
        let _ = writeln!(text, "| `{signature}` | {meaning} |");
    }
    text
}

fn code_reference() -> String {
    let mut text =
        String::from("\n| code | severity | meaning | for example |\n|---|---|---|---|\n");
    let cases = cases();
    for (code, meaning) in SCRIPT_CODES {
        let case = cases.iter().find(|case| case.code == *code).unwrap();
        let severity = match case.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Notice => "notice",
        };
        let script = compile_script(&case.source());
        let found = script.diagnostics().iter().find(|d| d.code == *code);
        let example = found.map_or_else(String::new, |found| match &found.hint {
            Some(hint) => format!("{}; {hint}", found.message),
            None => found.message.clone(),
        });
        let example = example.replace('|', "\\|");
        let meaning = meaning
            .split_once("warning: ")
            .map_or(*meaning, |(_, rest)| rest);
        let _ = writeln!(text, "| `{code}` | {severity} | {meaning} | {example} |");
    }
    text
}

#[test]
fn the_reference_is_what_the_code_says() {
    let text = std::fs::read_to_string(page()).unwrap();
    let mut written = text.clone();
    for (name, content) in [
        ("functions", function_reference()),
        ("special", special_reference()),
        ("codes", code_reference()),
    ] {
        let (begin, end) = (
            format!("<!-- {name} -->\n"),
            format!("<!-- end of {name} -->"),
        );
        let start = written.find(&begin).unwrap() + begin.len();
        let stop = written.find(&end).unwrap();
        written.replace_range(start..stop, &format!("{content}\n"));
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(page(), &written).unwrap();
        return;
    }
    assert!(
        written == text,
        "docs/strategy-script.md is out of date: UPDATE_DOCS=1 cargo test -p strategy-engine \
         script_reference"
    );
}

#[test]
fn every_example_of_the_reference_compiles_and_is_formatted() {
    let text = std::fs::read_to_string(page()).unwrap();
    let blocks: Vec<&str> = text.split("```python\n").skip(1).collect();
    assert!(blocks.len() >= 6, "{}", blocks.len());
    for block in blocks {
        let source = block.split("```").next().unwrap();
        let script = compile_script(source);
        let errors = script
            .diagnostics()
            .iter()
            .filter(|d| d.severity == Severity::Error);
        let errors: Vec<String> = errors.map(|d| d.render("docs", source, false)).collect();
        assert!(errors.is_empty(), "{source}\n{}", errors.join("\n"));
        assert_eq!(format_script(source).as_deref(), Ok(source), "{source}");
    }
}

/// A call of the function with nothing but what it needs.
fn least_call(function: &Function) -> String {
    let needed = function
        .arguments
        .iter()
        .filter_map(|argument| match argument.takes {
            Takes::Series(_) => Some("close".to_owned()),
            Takes::Condition(_) => Some("close > 1".to_owned()),
            _ => None,
        });
    let mut arguments: Vec<String> = needed.collect();
    if function.name == "cooldown" {
        arguments.push("minutes=5".to_owned());
    }
    format!("{}({})", function.name, arguments.join(", "))
}

#[test]
fn every_function_works_with_its_defaults_and_with_everything_said() {
    for function in functions() {
        let node_type = function.node_type().unwrap();
        let call = least_call(function);
        let mut everything = Vec::new();
        for argument in function.arguments {
            let value = match (argument.takes, function.default_of(*argument)) {
                (Takes::Series(_), _) => "close".to_owned(),
                (Takes::Market(_), default) => default.unwrap_or("close").to_owned(),
                (Takes::Condition(_) | Takes::MaybeCondition(_), _) => "close > 1".to_owned(),
                (Takes::Number(_), default) => default.unwrap_or("1").to_owned(),
                (Takes::Text(_), default) => format!("\"{}\"", default.unwrap_or("")),
                (Takes::Span("seconds"), _) => "5".to_owned(),
                (Takes::Span(_), _) => continue,
            };
            // The market has no series for these.
            if !matches!(value.as_str(), "bid" | "ask") {
                everything.push(format!("{}={value}", argument.name));
            }
        }
        let whole = format!("{}({})", function.name, everything.join(", "));
        for (result, handle) in function.results {
            let output = node_type
                .outputs
                .iter()
                .find(|output| output.names.contains(handle));
            let dot = if result.is_empty() {
                String::new()
            } else {
                format!(".{result}")
            };
            let is_condition = output.unwrap().value == strategy_engine::ValueType::Condition;
            let test = if is_condition { "" } else { " > close" };
            let hash = |call: &str| {
                let script = compile_script(&format!("if {call}{dot}{test}:\n    buy()\n"));
                let problems = script.diagnostics().to_vec();
                let plan = script.compilation.plan;
                plan.unwrap_or_else(|| panic!("{call}{dot}: {problems:#?}"))
                    .hash()
            };
            let (least, most) = (hash(&call), hash(&whole));
            // A span and an end are something else than none.
            if !matches!(function.name, "hold" | "cooldown") {
                assert_eq!(least, most, "{call} and {whole}");
            }
        }
        for field in function
            .arguments
            .iter()
            .filter_map(|argument| match argument.takes {
                Takes::Number(field) | Takes::Text(field) => Some(field),
                _ => None,
            })
        {
            let known = node_type.fields.iter().any(|known| known.name == field);
            assert!(known, "{} has no {field}", function.node);
        }
    }
    clean("if adx() > 20 and supertrend().rising:\n    buy()\n");
}
