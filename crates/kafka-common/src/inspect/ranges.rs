//! A set of offsets, kept as ranges, and its text: `3-17,20`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A set of offsets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    /// First offset to last, both included; never touching one another.
    ranges: BTreeMap<i64, i64>,
}

impl Ranges {
    pub(super) fn contains(&self, offset: i64) -> bool {
        let before = self.ranges.range(..=offset).next_back();
        before.is_some_and(|(_, last)| offset <= *last)
    }

    pub(super) fn insert(&mut self, first: i64, last: i64) {
        let (mut first, mut last) = (first, last);
        // Everything that overlaps or touches becomes part of it.
        let touching: Vec<i64> = self
            .ranges
            .range(..=last.saturating_add(1))
            .filter(|(_, end)| end.saturating_add(1) >= first)
            .map(|(start, _)| *start)
            .collect();
        for start in touching {
            if let Some(end) = self.ranges.remove(&start) {
                first = first.min(start);
                last = last.max(end);
            }
        }
        self.ranges.insert(first, last);
    }

    pub(super) fn extend(&mut self, other: &Self) {
        for (first, last) in &other.ranges {
            self.insert(*first, *last);
        }
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (first, last)) in self.ranges.iter().enumerate() {
            let comma = if position > 0 { "," } else { "" };
            match first == last {
                true => write!(formatter, "{comma}{first}")?,
                false => write!(formatter, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Ranges {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("`{text}` is not a list of offsets like 3-17,20");
        let number = |text: &str| match text.parse::<i64>() {
            Ok(number) if number >= 0 => Ok(number),
            _ => Err(refused()),
        };
        let mut ranges = Self::default();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return Err(refused());
            }
            ranges.insert(first, last);
        }
        Ok(ranges)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ranges_are_the_set_of_what_was_inserted() {
        let mut ranges = Ranges::default();
        let mut set = BTreeSet::new();
        let mut random = 12_345_u64;
        for _ in 0..300 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let first = i64::try_from((random >> 33) % 200).unwrap();
            let last = first + i64::try_from((random >> 50) % 4).unwrap();
            ranges.insert(first, last);
            set.extend(first..=last);
            for offset in -1..210 {
                assert_eq!(ranges.contains(offset), set.contains(&offset), "{ranges}");
            }
            assert_eq!(ranges.to_string().parse::<Ranges>().unwrap(), ranges);
        }
    }

    #[test]
    fn neighbours_are_one_range() {
        let ranges: Ranges = "5,3-4,9,6".parse().unwrap();
        assert_eq!(ranges.to_string(), "3-6,9");
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in ["", "a", "5-3", "1,,2", "-1", "1-2-3"] {
            assert!(text.parse::<Ranges>().is_err(), "{text}");
        }
    }
}
