//! A behaviour as SVG, in colours that are seen on white and on black.

use std::fmt::Write as _;

use paper_exchange::Action;

use crate::shown::{Behaviour, Line, SHOWN};

const STEP: usize = 2;
const WIDTH: usize = SHOWN * STEP;
const UPPER: f64 = 200.0;
const LOWER: f64 = 70.0;
const MARGIN: f64 = 12.0;
const COLOURS: [&str; 6] = [
    "#3b82f6", "#d97706", "#a855f7", "#0d9488", "#db2777", "#65a30d",
];

/// Where values are on the page.
struct Scale {
    low: f64,
    high: f64,
    top: f64,
    height: f64,
}

impl Scale {
    fn of(values: impl Iterator<Item = f64>, top: f64, height: f64) -> Self {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        Self {
            low,
            high,
            top,
            height,
        }
    }

    fn y(&self, value: f64) -> i64 {
        let span = (self.high - self.low).max(f64::MIN_POSITIVE);
        (self.top + (self.high - value) / span * self.height).round() as i64
    }
}

pub fn svg(name: &str, behaviour: &Behaviour) -> String {
    let (bought, sold) = behaviour.counts();
    let height = match behaviour.below.is_empty() {
        true => UPPER + 20.0,
        false => UPPER + LOWER + 40.0,
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" fill=\"none\" \
         font-family=\"sans-serif\" font-size=\"11\" role=\"img\">\n\
         <title>{name} on a made-up market: {bought} bought, {sold} sold</title>\n"
    );
    let over = behaviour.over.iter().flat_map(known);
    let prices = behaviour.prices.iter().copied();
    let scale = Scale::of(prices.chain(over), MARGIN + 10.0, UPPER - 2.0 * MARGIN);
    let price: Vec<Option<f64>> = behaviour.prices.iter().copied().map(Some).collect();
    line(&mut svg, &price, &scale, "#64748b", 1.5);
    for (overlay, colour) in behaviour.over.iter().zip(COLOURS.iter().cycle()) {
        line(&mut svg, &overlay.values, &scale, colour, 1.0);
    }
    for fill in &behaviour.fills {
        let (colour, shift, turn) = match fill.action {
            Action::Buy => ("#16a34a", 5, 13),
            Action::Sell => ("#dc2626", -5, -13),
        };
        let (x, y) = (fill.index * STEP, scale.y(fill.price) + shift);
        let _ = writeln!(
            svg,
            "<path fill=\"{colour}\" d=\"M{x} {y}l-7 {turn}h14z\"/>"
        );
    }
    legend(&mut svg, "price", &behaviour.over, 10.0);
    below(&mut svg, behaviour);
    svg.push_str("</svg>\n");
    svg
}

/// The panel of an indicator that is no price.
fn below(svg: &mut String, behaviour: &Behaviour) {
    if behaviour.below.is_empty() {
        return;
    }
    let values = behaviour.below.iter().flat_map(known);
    let levels = behaviour.levels.iter().copied();
    let scale = Scale::of(values.chain(levels.clone()), UPPER + 30.0, LOWER);
    for level in levels {
        let y = scale.y(level);
        let _ = writeln!(
            svg,
            "<path stroke=\"#94a3b8\" stroke-dasharray=\"4 4\" d=\"M0 {y}H{WIDTH}\"/>\
             <text x=\"{WIDTH}\" y=\"{}\" text-anchor=\"end\" fill=\"#64748b\">{level}</text>",
            y - 3
        );
    }
    for (indicator, colour) in behaviour.below.iter().zip(COLOURS) {
        line(svg, &indicator.values, &scale, colour, 1.0);
    }
    legend(svg, "", &behaviour.below, UPPER + 24.0);
}

fn known(line: &Line) -> impl Iterator<Item = f64> {
    line.values.iter().flatten().copied()
}

/// What each colour is.
fn legend(svg: &mut String, first: &str, lines: &[Line], y: f64) {
    let mut x = 0;
    let names = lines.iter().map(|line| line.name.as_str());
    let names = names.zip(COLOURS.iter().copied().cycle());
    let price = (!first.is_empty()).then_some((first, "#64748b"));
    for (name, colour) in price.into_iter().chain(names) {
        let _ = writeln!(
            svg,
            "<text x=\"{x}\" y=\"{y}\" fill=\"{colour}\">{name}</text>"
        );
        x += 7 * name.len() + 12;
    }
}

/// A line, broken where there is no value; each point as its distance from the one before.
fn line(svg: &mut String, values: &[Option<f64>], scale: &Scale, colour: &str, width: f64) {
    let mut path = String::new();
    let mut before = None;
    let mut moved = true;
    for (index, value) in values.iter().enumerate() {
        let Some(value) = value else {
            before = None;
            continue;
        };
        let y = scale.y(*value);
        let Some(before) = before.replace(y) else {
            let _ = write!(path, "M{} {y}", index * STEP);
            moved = true;
            continue;
        };
        // Numbers behind one letter need it once, and none where a sign parts them.
        let letter = if std::mem::take(&mut moved) { "l" } else { " " };
        let apart = if y < before { "" } else { " " };
        let _ = write!(path, "{letter}{STEP}{apart}{}", y - before);
    }
    let _ = writeln!(
        svg,
        "<path vector-effect=\"non-scaling-stroke\" stroke=\"{colour}\" stroke-width=\"{width}\" d=\"{path}\"/>"
    );
}
