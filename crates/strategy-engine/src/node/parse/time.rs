//! Reads what has to do with time.

use super::Context;
use crate::diagnostic::quote;
use crate::import::Fields;
use crate::node::kind::NodeKind;
use crate::plan::{ClockFigure, DayWindow, Span, Zone};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const ALL_DAYS: u8 = 0b111_1111;

/// A figure of the clock if the runtime's field says so, or if only a number fits where it leads
/// to; else the editor's window.
pub(super) fn parse(fields: &mut Fields<'_>, context: Context) -> NodeKind {
    let editor_fields = ["startTime", "endTime", "weekdays"];
    let drawn = editor_fields.into_iter().any(|name| fields.is_set(name));
    if fields.is_set("timeType") || (context.feeds_number && !drawn) {
        return figure(fields);
    }
    if fields.is_set("timeFrame") {
        let message = "`timeFrame` has no effect: the session says when the strategy is evaluated";
        fields.notice("field_ignored", "timeFrame", message);
    }
    let from = time_of_day(fields, "startTime", 9 * 60 + 30, 0, 1439);
    let to = time_of_day(fields, "endTime", 16 * 60, 1, 1440);
    let weekdays = weekdays(fields);
    NodeKind::Window {
        window: DayWindow { from, to, weekdays },
        zone: zone(fields, "EST"),
    }
}

fn figure(fields: &mut Fields<'_>) -> NodeKind {
    const FIGURES: &[(&str, ClockFigure)] = &[
        ("hour", ClockFigure::Hour),
        ("minute", ClockFigure::Minute),
        ("day_of_week", ClockFigure::DayOfWeek),
        ("timestamp", ClockFigure::Timestamp),
    ];
    NodeKind::Clock {
        figure: fields
            .choice("timeType", FIGURES)
            .unwrap_or(ClockFigure::Hour),
        zone: zone(fields, "UTC"),
    }
}

fn zone(fields: &mut Fields<'_>, default: &str) -> Zone {
    let name = fields
        .text("timezone")
        .unwrap_or_else(|| default.to_owned());
    match name.parse() {
        Ok(zone) => zone,
        Err(_) => {
            let message = format!("there is no time zone {}", quote(&name));
            let hint = "use UTC, EST, PST, GMT or an IANA name such as America/New_York";
            fields.invalid("timezone", message, Some(hint.to_owned()));
            Zone::utc()
        }
    }
}

/// Minutes since midnight.
fn time_of_day(fields: &mut Fields<'_>, name: &str, default: u16, least: u16, most: u16) -> u16 {
    let Some(text) = fields.text(name) else {
        return default;
    };
    let digits = |part: &str| {
        let plain = (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| part.parse::<u16>().ok()).flatten()
    };
    let parsed = text.split_once(':').and_then(|(hours, minutes)| {
        let (hours, minutes) = (digits(hours)?, digits(minutes)?);
        (minutes < 60).then_some(hours * 60 + minutes)
    });
    match parsed {
        Some(minute) if (least..=most).contains(&minute) => minute,
        _ => {
            let hint = format!("write it as hours and minutes, such as `{name}`: \"09:30\"");
            fields.invalid(
                name,
                format!("{} is not a time of day", quote(&text)),
                Some(hint),
            );
            default
        }
    }
}

fn weekdays(fields: &mut Fields<'_>) -> u8 {
    let Some(text) = fields.text("weekdays") else {
        return ALL_DAYS;
    };
    // A list arrives as its JSON text, whose brackets and quotes separate as well as commas do.
    let separators = |c: char| matches!(c, ',' | ' ' | '[' | ']' | '"');
    let mut days = 0;
    for name in text.split(separators).filter(|name| !name.is_empty()) {
        let lower = name.to_ascii_lowercase();
        if lower == "all" {
            days = ALL_DAYS;
            continue;
        }
        match DAYS.iter().position(|day| *day == lower) {
            Some(day) => days |= 1 << day,
            None => {
                let message = format!("{} is not a day of the week", quote(name));
                let hint = format!("use {} or all", DAYS.join(", "));
                fields.invalid("weekdays", message, Some(hint));
                return ALL_DAYS;
            }
        }
    }
    if days == 0 {
        let message = "no day of the week is named".to_owned();
        fields.invalid("weekdays", message, Some("name one, or use all".to_owned()));
        return ALL_DAYS;
    }
    days
}

pub(super) fn hold(fields: &mut Fields<'_>, context: Context) -> NodeKind {
    const TYPES: &[(&str, bool)] = &[
        ("indefinite", false),
        ("duration", true),
        ("condition", false),
    ];
    let limited = fields.choice("holdType", TYPES).unwrap_or(false);
    if context.imported && limited {
        let message = "the duration is in event time; the platform counts evaluations whatever \
                       the unit";
        fields.notice("import_differs", "duration", message);
    }
    // Read in any case, so that a mistake in it is found.
    let span = span(fields, "days");
    NodeKind::Hold(limited.then_some(span))
}

/// `duration` in `unit`.
pub(super) fn span(fields: &mut Fields<'_>, default_unit: &'static str) -> Span {
    const UNITS: &[(&str, u32)] = &[
        ("seconds", 1),
        ("minutes", 60),
        ("hours", 3_600),
        ("days", 86_400),
        ("weeks", 604_800),
        ("bars", 0),
    ];
    let named = UNITS.iter().find(|(name, _)| *name == default_unit);
    let default = named.map_or(1, |(_, seconds)| *seconds);
    let unit = fields.choice("unit", UNITS).unwrap_or(default);
    let length = fields.real("duration").unwrap_or(1.0);
    let count = (length * f64::from(unit.max(1))).round();
    if !(1.0..=Span::MOST as f64).contains(&count) {
        fields.out_of_range(
            "duration",
            length,
            "at least a second or a bar, at most ten years",
        );
        return Span::Evaluations(1);
    }
    if unit == 0 && length.fract().abs() > 0.0 {
        fields.invalid(
            "duration",
            format!("{length} is not a whole number of bars"),
            None,
        );
    }
    match unit {
        0 => Span::Evaluations(count as u64),
        _ => Span::Seconds(count as u64),
    }
}
