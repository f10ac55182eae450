//! Tables as Apache Parquet, as far as a table of trades needs it: one group of rows, a page a column,
//! plain values without compression. `docs/decisions/0026-parquet-by-hand.md` tells why by hand.

mod thrift;

use rust_decimal::Decimal;

use thrift::{Kind, Writer};

const MAGIC: &[u8] = b"PAR1";
/// Digits of a decimal of 16 bytes.
const PRECISION: u32 = 38;
/// What it must stay below.
const LIMIT: i128 = 10_i128.pow(PRECISION);

/// A column's values, one a row.
#[derive(Debug)]
pub(crate) enum Values {
    /// Integers.
    Long(Vec<i64>),
    /// Microseconds since 1970, UTC.
    Time(Vec<i64>),
    /// Texts; some may be missing.
    Text(Vec<Option<String>>),
    /// Exact numbers, with as many decimals as the one that has most; some may be missing.
    Decimal(Vec<Option<Decimal>>),
}

/// A column.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) values: Values,
}

/// A column's decimals have more than 38 digits, those before and those behind the point together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooWide(pub(crate) &'static str);

/// How a column is described, and where it was written.
struct Written<'a> {
    column: &'a Column,
    scale: u32,
    offset: usize,
    bytes: usize,
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Long(values) | Self::Time(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Decimal(values) => values.len(),
        }
    }

    fn is_optional(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Decimal(_))
    }

    /// The number of the physical type: INT64, BYTE_ARRAY, FIXED_LEN_BYTE_ARRAY.
    fn physical(&self) -> i32 {
        match self {
            Self::Long(_) | Self::Time(_) => 2,
            Self::Text(_) => 6,
            Self::Decimal(_) => 7,
        }
    }

    /// The decimals of the one that has most, trailing zeros apart.
    fn scale(&self) -> u32 {
        match self {
            Self::Decimal(values) => {
                let scales = values.iter().flatten().map(|v| v.normalize().scale());
                scales.max().unwrap_or_default()
            }
            _ => 0,
        }
    }
}

/// A file of these columns, which have the same number of rows.
///
/// # Errors
/// Decimals don't fit into one column.
pub(crate) fn write(columns: &[Column]) -> Result<Vec<u8>, TooWide> {
    let rows = columns.first().map_or(0, |column| column.values.len());
    let mut file = MAGIC.to_vec();
    let mut written = Vec::with_capacity(columns.len());
    for column in columns {
        let scale = column.values.scale();
        let page = page(column, scale)?;
        let offset = file.len();
        file.extend(page_header(rows, page.len()));
        file.extend(page);
        written.push(Written {
            column,
            scale,
            offset,
            bytes: file.len() - offset,
        });
    }
    let footer = footer(rows, &written);
    let length = u32::try_from(footer.len()).unwrap_or(u32::MAX);
    file.extend(footer);
    file.extend(length.to_le_bytes());
    file.extend(MAGIC);
    Ok(file)
}

/// What a page holds: for each row whether it has a value, where that isn't certain, and the values.
fn page(column: &Column, scale: u32) -> Result<Vec<u8>, TooWide> {
    let mut bytes = Vec::new();
    match &column.values {
        Values::Long(values) | Values::Time(values) => {
            values
                .iter()
                .for_each(|value| bytes.extend(value.to_le_bytes()));
        }
        Values::Text(values) => {
            bytes.extend(levels(values.iter().map(Option::is_some)));
            for text in values.iter().flatten() {
                let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
                bytes.extend(length.to_le_bytes());
                bytes.extend(text.as_bytes());
            }
        }
        Values::Decimal(values) => {
            bytes.extend(levels(values.iter().map(Option::is_some)));
            for value in values.iter().flatten() {
                let unscaled = unscaled(*value, scale).ok_or(TooWide(column.name))?;
                bytes.extend(unscaled.to_be_bytes());
            }
        }
    }
    Ok(bytes)
}

/// A value in units of its last decimal.
fn unscaled(value: Decimal, scale: u32) -> Option<i128> {
    let value = value.normalize();
    let more = 10_i128.checked_pow(scale.checked_sub(value.scale())?)?;
    let unscaled = value.mantissa().checked_mul(more)?;
    (unscaled.abs() < LIMIT).then_some(unscaled)
}

/// Definition levels of one bit, as runs, behind their length.
fn levels(present: impl Iterator<Item = bool>) -> Vec<u8> {
    let mut runs: Vec<(bool, u64)> = Vec::new();
    for present in present {
        match runs.last_mut() {
            Some((same, count)) if *same == present => *count += 1,
            _ => runs.push((present, 1)),
        }
    }
    let mut bytes = Vec::new();
    for (present, count) in runs {
        thrift::varint(count << 1, &mut bytes);
        bytes.push(u8::from(present));
    }
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [length.to_le_bytes().to_vec(), bytes].concat()
}

fn page_header(rows: usize, bytes: usize) -> Vec<u8> {
    let mut header = Writer::default();
    header.begin();
    header.int(1, 0); // a data page
    header.size(2, bytes);
    header.size(3, bytes);
    header.field(5, Kind::Struct);
    header.begin();
    header.size(1, rows);
    header.int(2, 0); // plain
    header.int(3, 3); // levels as runs
    header.int(4, 3);
    header.end();
    header.end();
    header.finish()
}

fn footer(rows: usize, written: &[Written<'_>]) -> Vec<u8> {
    let mut footer = Writer::default();
    footer.begin();
    footer.int(1, 1);
    footer.list(2, Kind::Struct, written.len() + 1);
    footer.begin();
    footer.text(4, "trades");
    footer.size(5, written.len());
    footer.end();
    for one in written {
        schema_of(one, &mut footer);
    }
    footer.long(3, rows);
    footer.list(4, Kind::Struct, 1);
    footer.begin();
    footer.list(1, Kind::Struct, written.len());
    for one in written {
        chunk_of(rows, one, &mut footer);
    }
    footer.long(2, written.iter().map(|one| one.bytes).sum());
    footer.long(3, rows);
    footer.end();
    footer.text(6, concat!("algotrade version ", env!("CARGO_PKG_VERSION")));
    footer.end();
    footer.finish()
}

fn schema_of(written: &Written<'_>, footer: &mut Writer) {
    let values = &written.column.values;
    footer.begin();
    footer.int(1, values.physical());
    if matches!(values, Values::Decimal(_)) {
        footer.int(2, 16);
    }
    footer.int(3, i32::from(values.is_optional()));
    footer.text(4, written.column.name);
    // What it means, first as older readers know it.
    match values {
        Values::Long(_) => {}
        Values::Time(_) => {
            footer.int(6, 10);
            footer.field(10, Kind::Struct);
            footer.begin();
            footer.field(8, Kind::Struct);
            footer.begin();
            footer.field(1, Kind::True); // UTC
            footer.field(2, Kind::Struct);
            footer.begin();
            footer.field(2, Kind::Struct); // microseconds
            footer.begin();
            footer.end();
            footer.end();
            footer.end();
            footer.end();
        }
        Values::Text(_) => {
            footer.int(6, 0);
            footer.field(10, Kind::Struct);
            footer.begin();
            footer.field(1, Kind::Struct);
            footer.begin();
            footer.end();
            footer.end();
        }
        Values::Decimal(_) => {
            let (scale, precision) = (written.scale as usize, PRECISION as usize);
            footer.int(6, 5);
            footer.size(7, scale);
            footer.size(8, precision);
            footer.field(10, Kind::Struct);
            footer.begin();
            footer.field(5, Kind::Struct);
            footer.begin();
            footer.size(1, scale);
            footer.size(2, precision);
            footer.end();
            footer.end();
        }
    }
    footer.end();
}

fn chunk_of(rows: usize, written: &Written<'_>, footer: &mut Writer) {
    footer.begin();
    footer.long(2, written.offset);
    footer.field(3, Kind::Struct);
    footer.begin();
    footer.int(1, written.column.values.physical());
    footer.list(2, Kind::Int, 2);
    footer.element(0); // plain
    footer.element(3); // runs
    footer.list(3, Kind::Text, 1);
    footer.text_element(written.column.name);
    footer.int(4, 0); // no compression
    footer.long(5, rows);
    footer.long(6, written.bytes);
    footer.long(7, written.bytes);
    footer.long(9, written.offset);
    footer.end();
    footer.end();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn decimals_take_the_finest_scale_of_their_column_and_no_more_than_fits() {
        let decimal = |text: &str| text.parse::<Decimal>().unwrap();
        assert_eq!(unscaled(decimal("-1.50"), 3), Some(-1_500));
        assert_eq!(unscaled(decimal("0.00000001"), 8), Some(1));
        let column = |values: &[&str]| Column {
            name: "price",
            values: Values::Decimal(values.iter().map(|text| Some(decimal(text))).collect()),
        };
        assert_eq!(column(&["1.10", "2.345", "7"]).values.scale(), 3);
        let wide = column(&["79228162514264337593543950335", "0.0000000001"]);
        assert_eq!(write(&[wide]), Err(TooWide("price")));
    }

    #[test]
    fn levels_are_runs_behind_their_length() {
        let present = [true, true, true, false, true];
        assert_eq!(levels(present.into_iter()), [6, 0, 0, 0, 6, 1, 2, 0, 2, 1]);
        assert_eq!(levels([].into_iter()), [0, 0, 0, 0]);
    }
}
