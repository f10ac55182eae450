//! The nearest known name to a misspelt one.

/// `; did you mean ...?`, or nothing where no candidate is near enough to be a misspelling.
pub(super) fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    let tolerance = (name.chars().count() / 3).max(2);
    let nearest = candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerance)
        .min();
    match nearest {
        Some((_, candidate)) => format!("; did you mean `{candidate}`?"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let names = ["trade-executions", "strategy-signals"];
        assert_eq!(
            did_you_mean("trade-execution", names),
            "; did you mean `trade-executions`?"
        );
        assert_eq!(did_you_mean("teapots", names), "");
    }
}
