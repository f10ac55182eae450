//! Buy and sell nodes: what they order, and how much.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::diagnostic::Diagnostic;
use crate::import::Fields;
use crate::plan::OrderKind;

/// Buy or sell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Side {
    /// Open or add to the position.
    Buy,
    /// Close or reduce the position.
    Sell,
}

impl Side {
    /// `BUY` or `SELL`, as on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "BUY",
            Self::Sell => "SELL",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a quantity counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SizeType {
    /// Units of the base currency.
    Units,
    /// An amount of the quote currency.
    CashAmount,
    /// Percent of the session's cash, up to 100.
    PercentOfCash,
    /// Percent of the session's position, up to 100.
    PercentOfPosition,
}

impl SizeType {
    /// The name as on the wire: `units`, `cash_amount`, `percent_of_cash`, `percent_of_position`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Units => "units",
            Self::CashAmount => "cash_amount",
            Self::PercentOfCash => "percent_of_cash",
            Self::PercentOfPosition => "percent_of_position",
        }
    }

    /// Whether it counts hundredths of something, so that it can't exceed 100.
    pub fn is_percent(self) -> bool {
        matches!(self, Self::PercentOfCash | Self::PercentOfPosition)
    }
}

impl fmt::Display for SizeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A buy or sell node's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ActionSpec {
    pub side: Side,
    pub quantity: Decimal,
    pub size_type: SizeType,
    pub repeat: bool,
    pub kind: OrderKind,
}

const SIZE_TYPES: &[(&str, SizeType)] = &[
    ("units", SizeType::Units),
    ("cash_amount", SizeType::CashAmount),
    ("percent_of_cash", SizeType::PercentOfCash),
    ("percent_of_position", SizeType::PercentOfPosition),
];

/// How the editor's sell node says how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SellType {
    Fixed,
    Percentage,
    All,
}

const SELL_TYPES: &[(&str, SellType)] = &[
    ("fixed", SellType::Fixed),
    ("percentage", SellType::Percentage),
    ("all", SellType::All),
];

/// Reads a buy or sell node.
pub(super) fn parse(side: Side, fields: &mut Fields<'_>) -> ActionSpec {
    let kind = order_kind(side, fields);
    let (size_type, quantity) = if fields.is_set("sizeType") {
        explicit_size(side, fields)
    } else {
        match side {
            Side::Buy => imported_buy_size(fields),
            Side::Sell => imported_sell_size(fields),
        }
    };
    ActionSpec {
        side,
        quantity,
        size_type,
        repeat: fields.flag("repeat"),
        kind,
    }
}

/// How the order is filled, with the prices that it needs.
fn order_kind(side: Side, fields: &mut Fields<'_>) -> OrderKind {
    const NAMES: &[(&str, u8)] = &[
        ("market", 0),
        ("limit", 1),
        ("stop", 2),
        ("stop-limit", 3),
        ("trailing-stop", 4),
    ];
    let chosen = fields.choice("orderType", NAMES);
    let wanted = chosen.and_then(|index| NAMES.get(usize::from(index)));
    match wanted.map_or("market", |(name, _)| name) {
        "limit" => OrderKind::Limit {
            limit: fields.needed("limitPrice"),
        },
        "stop" => OrderKind::Stop {
            stop: fields.needed("stopPrice"),
        },
        "stop-limit" => OrderKind::StopLimit {
            stop: fields.needed("stopPrice"),
            limit: fields.needed("limitPrice"),
        },
        "trailing-stop" if side == Side::Sell => OrderKind::TrailingStop {
            percent: fields.percent("trailPercent", 1),
        },
        "trailing-stop" => {
            let message = "a buy can't be a trailing stop".to_owned();
            let hint = "set it to market, limit, stop or stop-limit".to_owned();
            fields.invalid("orderType", message, Some(hint));
            OrderKind::Market
        }
        _ => OrderKind::Market,
    }
}

/// `sizeType` says what `quantity` counts; nothing is assumed but "all of it" for a percentage.
fn explicit_size(side: Side, fields: &mut Fields<'_>) -> (SizeType, Decimal) {
    let Some(size_type) = fields.choice("sizeType", SIZE_TYPES) else {
        return (SizeType::PercentOfCash, Decimal::ONE_HUNDRED);
    };
    if side == Side::Sell && size_type == SizeType::PercentOfCash {
        let hint = "use `percent_of_position`, `units` or `cash_amount`".to_owned();
        fields.invalid(
            "sizeType",
            "a sale can't be a percentage of cash".to_owned(),
            Some(hint),
        );
    }
    if !fields.is_set("quantity") && !size_type.is_percent() {
        let problem = Diagnostic::error(
            "field_missing",
            format!("`quantity` is missing, and {size_type} has no default"),
        );
        let problem = problem
            .node(fields.id)
            .field("quantity")
            .hint("set `quantity`");
        fields.report.push(problem);
    }
    (size_type, quantity(size_type, "quantity", fields))
}

/// The live platform's meaning of a buy: percent of cash.
fn imported_buy_size(fields: &mut Fields<'_>) -> (SizeType, Decimal) {
    let quantity = quantity(SizeType::PercentOfCash, "quantity", fields);
    fields.notice(
        "size_assumed",
        "quantity",
        format!(
            "without `sizeType`, the quantity {quantity} is read as percent of cash, as the live \
             platform reads it"
        ),
    );
    (SizeType::PercentOfCash, quantity)
}

/// The live platform sells the whole position whatever is entered; the editor's own percentage is
/// respected where the user chose one.
fn imported_sell_size(fields: &mut Fields<'_>) -> (SizeType, Decimal) {
    let chosen = fields.choice("sellType", SELL_TYPES);
    let percent_field = match chosen {
        Some(SellType::Percentage) => Some("percentage"),
        None if fields.is_set("percentage") => Some("percentage"),
        None if fields.is_set("sellPercent") => Some("sellPercent"),
        _ => None,
    };
    if let Some(name) = percent_field {
        return (
            SizeType::PercentOfPosition,
            quantity(SizeType::PercentOfPosition, name, fields),
        );
    }
    if chosen != Some(SellType::All) {
        fields.notice(
            "size_assumed",
            "quantity",
            "without `sizeType`, a sale sells the whole position, as on the live platform",
        );
    }
    (SizeType::PercentOfPosition, Decimal::ONE_HUNDRED)
}

fn quantity(size_type: SizeType, name: &str, fields: &mut Fields<'_>) -> Decimal {
    let Some(quantity) = fields.decimal(name) else {
        return Decimal::ONE_HUNDRED;
    };
    let too_much = size_type.is_percent() && quantity > Decimal::ONE_HUNDRED;
    if quantity <= Decimal::ZERO || too_much {
        let range = if size_type.is_percent() {
            "above 0 and at most 100 (percent); `sizeType` says what it counts"
        } else {
            "above 0"
        };
        fields.out_of_range(name, quantity, range);
        return Decimal::ONE_HUNDRED;
    }
    quantity
}
