//! A result as a page that needs nothing but itself.

use std::fmt::Write as _;

use paper_exchange::{Action, ExecutionStatus};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use crate::run::{Point, Result};

const WIDTH: f64 = 1100.0;
const HEIGHT: f64 = 260.0;
/// Room for the figures at the side.
const SIDE: f64 = 90.0;
/// Trades that are listed; all of them are in the JSON.
const MOST_LISTED: usize = 1_000;

const STYLE: &str = "body{font:14px system-ui,sans-serif;margin:2rem auto;max-width:1200px;\
padding:0 1rem;color:#1a1d21;background:#fff}h1{font-size:1.4rem}h2{font-size:1rem;margin-top:2rem}\
svg{width:100%;height:auto;display:block}table{border-collapse:collapse;width:100%}\
td,th{padding:.25rem .6rem;text-align:right;border-bottom:1px solid #8884}\
td:last-child,th:last-child,td:first-child,th:first-child{text-align:left}\
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:.8rem}\
dt{opacity:.7;font-size:.8rem}dd{margin:0;font-size:1.1rem;font-variant-numeric:tabular-nums}\
.line{fill:none;stroke:#2563eb;stroke-width:1.5;vector-effect:non-scaling-stroke}\
.down{fill:#dc262633;stroke:#dc2626;stroke-width:1}.buy{fill:#15803d}.sell{fill:#dc2626}\
.axis{stroke:#8886;stroke-width:1}text{font-size:11px;fill:currentColor}\
@media(prefers-color-scheme:dark){body{background:#111418;color:#e6e8ea}.line{stroke:#60a5fa}}";

/// Shows time and value under the pointer.
const SCRIPT: &str = "for(const s of document.querySelectorAll('svg[data-points]')){\
const p=JSON.parse(s.dataset.points),t=s.querySelector('.hover');\
s.addEventListener('pointermove',e=>{const m=new DOMPoint(e.clientX,e.clientY)\
.matrixTransform(s.getScreenCTM().inverse());let b=p[0];for(const q of p)\
if(Math.abs(q[0]-m.x)<Math.abs(b[0]-m.x))b=q;if(b)t.textContent=b[1]+'  '+b[2]});\
s.addEventListener('pointerleave',()=>t.textContent='')}";

/// The page of a result under a title.
pub fn page(title: &str, result: &Result) -> String {
    let title = escaped(title);
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1><dl>"
    );
    let figures = [
        ("Final equity", format!("{:.2}", result.final_equity)),
        ("Return", format!("{:+.2} %", result.return_pct)),
        (
            "Largest drawdown",
            format!("{:.2} %", result.max_drawdown_pct),
        ),
        ("Fills", result.fills.to_string()),
        ("Rejected", result.rejected.to_string()),
        (
            "Won / lost sales",
            format!("{} / {}", result.wins, result.losses),
        ),
        ("Fees", format!("{:.2}", result.fees)),
        ("Trades of the market", result.ticks.to_string()),
    ];
    for (name, value) in figures {
        let _ = write!(html, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    html.push_str("</dl>");
    chart(
        &mut html,
        "Price and trades",
        &result.prices,
        "line",
        Some(result),
    );
    chart(&mut html, "Equity", &result.equity, "line", None);
    chart(
        &mut html,
        "Drawdown in percent",
        &drawdown(&result.equity),
        "down",
        None,
    );
    trades(&mut html, result);
    let _ = writeln!(
        html,
        "<p>Ledger <code>{}</code></p><script>{SCRIPT}</script></body></html>",
        result.ledger_sha256
    );
    html
}

/// How far the equity is below its peak so far.
fn drawdown(equity: &[Point]) -> Vec<Point> {
    let mut peak = Decimal::ZERO;
    let below = equity.iter().map(|point| {
        peak = peak.max(point.value);
        let fall = (point.value - peak) * Decimal::ONE_HUNDRED;
        Point {
            time: point.time,
            value: fall.checked_div(peak).unwrap_or_default(),
        }
    });
    below.collect()
}

/// Where times and values are in a picture.
struct Scale {
    first: f64,
    last: f64,
    low: f64,
    high: f64,
}

impl Scale {
    fn of(points: &[Point]) -> Option<Self> {
        let times = || {
            points
                .iter()
                .map(|point| point.time.timestamp_millis() as f64)
        };
        let values = || points.iter().filter_map(|point| point.value.to_f64());
        let scale = Self {
            first: times().reduce(f64::min)?,
            last: times().reduce(f64::max)?,
            low: values().reduce(f64::min)?,
            high: values().reduce(f64::max)?,
        };
        Some(scale)
    }

    fn x(&self, point: &Point) -> f64 {
        let time = point.time.timestamp_millis() as f64;
        let span = (self.last - self.first).max(1.0);
        SIDE + (time - self.first) / span * (WIDTH - SIDE)
    }

    fn y(&self, value: f64) -> f64 {
        let span = (self.high - self.low).max(f64::MIN_POSITIVE);
        10.0 + (self.high - value) / span * (HEIGHT - 30.0)
    }
}

/// Every so many points, so that at most 2,000 are drawn.
fn drawn(points: &[Point]) -> impl Iterator<Item = &Point> {
    let step = points.len().div_ceil(2_000).max(1);
    points.iter().step_by(step)
}

fn chart(html: &mut String, title: &str, points: &[Point], class: &str, trades: Option<&Result>) {
    let _ = write!(html, "<h2>{title}</h2>");
    let Some(scale) = Scale::of(points) else {
        html.push_str("<p>Nothing to show.</p>");
        return;
    };
    let mut line = String::new();
    let mut hover = String::new();
    for point in drawn(points) {
        let (x, y) = (
            scale.x(point),
            scale.y(point.value.to_f64().unwrap_or_default()),
        );
        let _ = write!(line, "{x:.1},{y:.1} ");
        let comma = if hover.is_empty() { "" } else { "," };
        let time = point.time.format("%Y-%m-%d %H:%M:%S");
        let _ = write!(hover, "{comma}[{x:.1},\"{time}\",\"{:.2}\"]", point.value);
    }
    let _ = write!(
        html,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\" \
         data-points='[{hover}]'>"
    );
    for value in [scale.low, scale.high] {
        let y = scale.y(value);
        let _ = write!(
            html,
            "<line class=\"axis\" x1=\"{SIDE}\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value:.2}</text>",
            SIDE - 8.0,
            y + 4.0
        );
    }
    match class {
        "down" => {
            let zero = scale.y(scale.high);
            let _ = write!(
                html,
                "<polygon class=\"down\" points=\"{SIDE:.1},{zero:.1} {line}{WIDTH:.1},{zero:.1}\"/>"
            );
        }
        _ => drop(write!(html, "<polyline class=\"line\" points=\"{line}\"/>")),
    }
    if let Some(result) = trades {
        marks(html, &scale, result);
    }
    let bottom = HEIGHT - 4.0;
    let _ = write!(
        html,
        "<text class=\"hover\" x=\"{SIDE}\" y=\"{bottom}\"></text></svg>"
    );
}

/// A triangle for each fill: up below a purchase, down above a sale.
fn marks(html: &mut String, scale: &Scale, result: &Result) {
    let filled = result.executions.iter();
    let filled = filled.filter(|execution| execution.status == ExecutionStatus::Filled);
    for execution in filled.take(2 * MOST_LISTED) {
        let point = Point {
            time: execution.time,
            value: execution.price,
        };
        let (x, y) = (
            scale.x(&point),
            scale.y(point.value.to_f64().unwrap_or_default()),
        );
        let (class, shift, name) = match execution.action {
            Action::Buy => ("buy", 8.0, "bought"),
            Action::Sell => ("sell", -8.0, "sold"),
        };
        let _ = write!(
            html,
            "<path class=\"{class}\" d=\"M{x:.1} {y:.1}l-5 {shift}h10z\"><title>{name} {} at {}: \
             {}</title></path>",
            execution.quantity.normalize(),
            execution.price.normalize(),
            escaped(&execution.reason)
        );
    }
}

fn trades(html: &mut String, result: &Result) {
    html.push_str(
        "<h2>Orders</h2><table><tr><th>time</th><th>side</th><th>status</th><th>quantity</th>\
         <th>price</th><th>fee</th><th>result</th><th>reason</th></tr>",
    );
    for execution in result.executions.iter().take(MOST_LISTED) {
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.2}</td>\
             <td>{:+.2}</td><td>{}</td></tr>",
            execution.time.format("%Y-%m-%d %H:%M:%S%.3f"),
            execution.action.as_str(),
            execution.status.as_str(),
            execution.quantity.normalize(),
            execution.price.normalize(),
            execution.fee,
            execution.realized_pnl,
            escaped(&execution.reason)
        );
    }
    html.push_str("</table>");
    if let Some(more) = result
        .executions
        .len()
        .checked_sub(MOST_LISTED)
        .filter(|more| *more > 0)
    {
        let _ = write!(html, "<p>{more} more are not listed.</p>");
    }
}

/// Text that can't be anything but text.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
