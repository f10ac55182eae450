//! The nearest known name to a misspelt one.

/// Longer names are not compared: the distance costs the product of both lengths.
const LONGEST: usize = 64;

/// The candidate nearest to `name`, if it is near enough to be a misspelling of it.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted: Vec<char> = lower(name)?;
    let tolerance = (wanted.len() / 3).max(2);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let known = lower(candidate)?;
            if known.len().abs_diff(wanted.len()) > tolerance {
                return None;
            }
            Some((distance(&wanted, &known), candidate))
        })
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.cmp(b.1)))
        .map(|(_, candidate)| candidate)
}

fn lower(name: &str) -> Option<Vec<char>> {
    if name.len() > LONGEST {
        return None;
    }
    Some(name.chars().flat_map(char::to_lowercase).collect())
}

/// Levenshtein's distance.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_nearest_and_refuses_the_far() {
        let names = ["smaNode", "emaNode", "crossoverNode"];
        assert_eq!(nearest("SmaNode", names), Some("smaNode"));
        assert_eq!(nearest("crosoverNode", names), Some("crossoverNode"));
        assert_eq!(nearest("smaNod", names), Some("smaNode"));
        assert_eq!(nearest("teapot", names), None);
        assert_eq!(nearest(&"x".repeat(1000), names), None);
    }
}
