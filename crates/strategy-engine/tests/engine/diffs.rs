//! What is different between two strategies.

use proptest::prelude::*;
use serde_json::json;
use strategy_engine::{Form, diff, unified};

use crate::support::{graph, once};

#[test]
fn lines_are_told_as_diff_tells_them() {
    let before = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\nn\n";
    let after = "a\nb\nc\nD\ne\nf\ng\nh\ni\nj\nk\nl\nn\no\n";
    let expected = "@@ -1,7 +1,7 @@\n a\n b\n c\n-d\n+D\n e\n f\n g\n\
                    @@ -10,5 +10,5 @@\n j\n k\n l\n-m\n n\n+o\n";
    assert_eq!(unified(before, after), expected);
    assert_eq!(unified(before, before), "");
    assert_eq!(unified("", "a\n"), "@@ -0,0 +1 @@\n+a\n");
    assert_eq!(unified("a\nb\n", ""), "@@ -1,2 +0,0 @@\n-a\n-b\n");
    assert_eq!(
        unified("a\nc\n", "a\nb\nc\n"),
        "@@ -1,2 +1,3 @@\n a\n+b\n c\n"
    );
}

/// Applies what [`unified`] wrote.
fn patched(before: &str, patch: &str) -> String {
    let old: Vec<&str> = before.lines().collect();
    let mut new: Vec<&str> = Vec::new();
    let mut at = 0;
    for line in patch.lines() {
        match line.split_at(1) {
            ("@", header) => {
                let from = header.split('-').nth(1).unwrap().split(' ').next().unwrap();
                let (start, length) = from.split_once(',').unwrap_or((from, "1"));
                let start: usize = start.parse().unwrap();
                let begin = if length == "0" { start } else { start - 1 };
                new.extend(&old[at..begin]);
                at = begin;
            }
            (" ", text) => {
                assert_eq!(old[at], text);
                new.push(text);
                at += 1;
            }
            ("-", text) => {
                assert_eq!(old[at], text);
                at += 1;
            }
            (_, text) => new.push(text),
        }
    }
    new.extend(&old[at..]);
    new.iter().map(|line| format!("{line}\n")).collect()
}

fn length_of_common(old: &[&str], new: &[&str]) -> usize {
    let mut best = vec![vec![0; new.len() + 1]; old.len() + 1];
    for (x, a) in old.iter().enumerate() {
        for (y, b) in new.iter().enumerate() {
            best[x + 1][y + 1] = match a == b {
                true => best[x][y] + 1,
                false => best[x][y + 1].max(best[x + 1][y]),
            };
        }
    }
    best[old.len()][new.len()]
}

proptest! {
    #[test]
    fn a_patch_makes_the_other_text_and_is_the_shortest(
        before in prop::collection::vec("[abc]", 0..30),
        after in prop::collection::vec("[abc]", 0..30),
    ) {
        let text = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let (old, new) = (text(&before), text(&after));
        let patch = unified(&old, &new);
        prop_assert_eq!(patched(&old, &patch), new);
        let changed = patch.lines().filter(|line| line.starts_with(['-', '+'])).count();
        let lines = |text: &[String]| -> Vec<&'static str> {
            text.iter().map(|line| match line.as_str() { "a" => "a", "b" => "b", _ => "c" }).collect()
        };
        let common = length_of_common(&lines(&before), &lines(&after));
        prop_assert_eq!(changed, before.len() + after.len() - 2 * common);
    }
}

#[test]
fn texts_with_nothing_in_common_are_soon_told_apart() {
    let text = |mark: char| {
        (0..20_000)
            .map(|line| format!("{mark}{line}\n"))
            .collect::<String>()
    };
    let (before, after) = (text('a'), text('b'));
    assert_eq!(patched(&before, &unified(&before, &after)), after);
}

#[test]
fn both_forms_of_any_two_strategies_are_compared() {
    let drawn = |period: u32, position: i32| {
        let mut drawn = graph(
            &[
                ("price", "priceNode", json!({})),
                ("sma", "smaNode", json!({"period": period})),
                ("cross", "crossoverNode", json!({})),
                ("buy", "buyNode", once()),
            ],
            &[
                "price.price-out > sma.price-in",
                "price.price-out > cross.fast-in",
                "sma.sma-out > cross.slow-in",
                "cross.cross-out > buy.trigger-in",
            ],
        );
        drawn["nodes"][0]["position"] = json!({"x": position, "y": 0});
        drawn
    };
    let (first, moved, longer) = (drawn(10, 0), drawn(10, 500), drawn(20, 0));
    let same = diff(Form::Graph(&first), Form::Graph(&moved));
    assert!(same.graph.unwrap().is_empty());
    assert_eq!(same.script.as_deref(), Some(""));

    let found = diff(Form::Graph(&first), Form::Graph(&longer));
    let changes = found.graph.unwrap();
    assert_eq!(changes.nodes_changed.len(), 1);
    let change = &changes.nodes_changed[0];
    assert_eq!(
        (change.id.as_str(), change.fields[0].field.as_str()),
        ("sma", "period")
    );
    assert_eq!(change.fields[0].after, Some(json!(20)));
    let script = found.script.unwrap();
    assert!(script.contains("10") && script.contains("20"), "{script}");

    // A drawing beside a script.
    let script = "if crosses_above(close, sma(close, 10)):\n    buy()\nif close < 5:\n    sell()\n";
    let found = diff(Form::Graph(&first), Form::Script(script));
    let changes = found.graph.unwrap();
    let added: Vec<&str> = changes
        .nodes_added
        .iter()
        .map(|node| node.kind.as_str())
        .collect();
    assert!(added.contains(&"sellNode"), "{added:?}");
    assert!(found.script.unwrap().contains("+    sell()"));
    // In a record, as it was imported.
    let record = json!({"strategies": {"json_tree": first}});
    let found = diff(Form::Graph(&record), Form::Graph(&longer));
    assert_eq!(found.graph.unwrap().nodes_changed.len(), 1);

    // What can't be read is left out.
    let broken = diff(Form::Script("buy("), Form::Graph(&first));
    assert!(broken.graph.is_none() && broken.script.is_some());
}
