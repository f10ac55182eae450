//! What is wrong with a script: each code at its place, with what to do about it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use strategy_engine::{
    CODES, SCRIPT_CODES, Severity, compile_script, compile_script_with, format_script, templates,
};

/// A script, the one place in it that a code must name (marked by `⟦` and `⟧`), and the code.
pub struct Case {
    pub code: &'static str,
    pub severity: Severity,
    marked: &'static str,
}

fn error(code: &'static str, marked: &'static str) -> Case {
    Case {
        code,
        severity: Severity::Error,
        marked,
    }
}

impl Case {
    pub fn source(&self) -> String {
        self.marked.replace(['⟦', '⟧'], "")
    }

    /// Line and column of the mark's beginning and of its end.
    fn place(&self) -> Option<((u32, u32), (u32, u32))> {
        let position = |mark: char| {
            let before = self.marked.split(mark).next()?.replace('⟦', "");
            let line = before.matches('\n').count() as u32 + 1;
            let column = before.rsplit('\n').next()?.chars().count() as u32 + 1;
            self.marked.contains(mark).then_some((line, column))
        };
        Some((position('⟦')?, position('⟧')?))
    }
}

/// At least one case of each code that only a script can have.
pub fn cases() -> Vec<Case> {
    vec![
        error(
            "script_syntax",
            "fast = sma(close, 10\nif close > fast⟦:⟧\n    buy()\n",
        ),
        error(
            "character_invalid",
            "⟦сlose_2⟧ = 3\nif close > 1:\n    buy()\n",
        ),
        error(
            "character_invalid",
            "# a ⟦\u{202e}⟧ comment\nif close > 1:\n    buy()\n",
        ),
        error("outside_language", "⟦while close > 1:\n    buy()⟧\n"),
        error(
            "outside_language",
            "⟦import os⟧\nif close > 1:\n    buy()\n",
        ),
        error(
            "outside_language",
            "⟦class A:\n    pass⟧\nif close > 1:\n    buy()\n",
        ),
        error(
            "outside_language",
            "f = ⟦lambda x: x⟧\nif close > 1:\n    buy()\n",
        ),
        error(
            "outside_language",
            "if close > 1:\n    buy()\nx = ⟦[n for n in [1, 2]]⟧\n",
        ),
        error(
            "outside_language",
            "x = ⟦close ** 2⟧\nif x > 1:\n    buy()\n",
        ),
        error("name_unknown", "if ⟦clsoe⟧ > 1:\n    buy()\n"),
        error("name_unknown", "if ⟦emma⟧(close, 10) > 1:\n    buy()\n"),
        error("name_unknown", "⟦print⟧(close)\nif close > 1:\n    buy()\n"),
        error(
            "name_unknown",
            "if ⟦bollinger(close).uper⟧ > 1:\n    buy()\n",
        ),
        error("name_reserved", "⟦close⟧ = 3\nif volume > 1:\n    buy()\n"),
        error(
            "argument_unknown",
            "if sma(close, ⟦peroid=10⟧) > 1:\n    buy()\n",
        ),
        error(
            "argument_unknown",
            "if sma(close, 10, ⟦5⟧) > 1:\n    buy()\n",
        ),
        error("argument_missing", "if ⟦sma()⟧ > 1:\n    buy()\n"),
        error(
            "argument_invalid",
            "strategy(\"x\", timeframe=⟦\"2m\"⟧)\nif close > 1:\n    buy()\n",
        ),
        error("type_mismatch", "if ⟦close⟧:\n    buy()\n"),
        error("type_mismatch", "if sma(⟦close > 1⟧, 10) > 1:\n    buy()\n"),
        error("type_mismatch", "if ⟦macd(close)⟧ > 1:\n    buy()\n"),
        error("type_mismatch", "if close > 1:\n    buy(size=⟦50⟧)\n"),
        error("not_constant", "if sma(close, ⟦volume⟧) > 1:\n    buy()\n"),
        error("look_ahead", "if close > close[⟦-1⟧]:\n    buy()\n"),
        error(
            "loop_invalid",
            "for x in ⟦close⟧:\n    pass\nif close > 1:\n    buy()\n",
        ),
        error(
            "loop_invalid",
            "for x in ⟦range(1000000000)⟧:\n    pass\nif close > 1:\n    buy()\n",
        ),
        error(
            "recursion",
            "def f(n):\n    return ⟦f(n)⟧\nif f(1) > close:\n    buy()\n",
        ),
        error(
            "assignment_conditional",
            "x = 1\nif close > 2:\n    ⟦x⟧ = 2\n    buy()\n",
        ),
        error("order_misplaced", "⟦buy()⟧\n"),
        error(
            "stop_without_entry",
            "if close > 1:\n    ⟦stop_loss(2)⟧\n    buy()\n",
        ),
        error(
            "param_invalid",
            "n = ⟦param(\"n\", 5, min=10)⟧\nif close > n:\n    buy()\n",
        ),
        error("field_out_of_range", "if sma(close, ⟦0⟧) > 1:\n    buy()\n"),
        error(
            "field_out_of_range",
            "if sma(close, ⟦1e9⟧) > 1:\n    buy()\n",
        ),
        error(
            "field_out_of_range",
            "if close > 1:\n    buy(size=⟦percent_of_cash(101)⟧)\n",
        ),
        error(
            "field_invalid",
            "if divergence(close, rsi(close, 14), 20, ⟦\"regulr\"⟧).any:\n    buy()\n",
        ),
        error("no_action", "⟦⟧x = sma(close, 10)\n"),
        Case {
            severity: Severity::Warning,
            ..error("no_effect", "⟦sma(close, 10)⟧\nif close > 1:\n    buy()\n")
        },
        Case {
            severity: Severity::Warning,
            ..error(
                "node_unused",
                "x = ⟦sma(close, 10)⟧\nif close > 1:\n    buy()\n",
            )
        },
        Case {
            severity: Severity::Warning,
            ..error("never_trades", "if rsi(close, 14) > 100:\n    ⟦buy()⟧\n")
        },
        error("script_too_large", ""),
        error("script_too_deep", ""),
    ]
}

#[test]
fn each_problem_is_told_at_its_place() {
    for case in cases() {
        let source = match case.code {
            "script_too_large" => format!("# {}\n", "x".repeat(300_000)),
            "script_too_deep" => format!("x = {}1{}\n", "(".repeat(200), ")".repeat(200)),
            _ => case.source(),
        };
        let script = compile_script(&source);
        let found = script.diagnostics();
        let told = found.iter().find(|d| d.code == case.code);
        let told = told.unwrap_or_else(|| panic!("{source}\nno {}: {found:#?}", case.code));
        assert_eq!(told.severity, case.severity, "{source}");
        assert_eq!(
            script.compilation.ok(),
            case.severity != Severity::Error,
            "{source}"
        );
        if let Some((start, end)) = case.place() {
            let place = told.place().unwrap_or_else(|| panic!("{told:#?}"));
            assert_eq!((place.line, place.column), start, "{source}\n{told:#?}");
            assert_eq!(
                (place.end_line, place.end_column),
                end,
                "{source}\n{told:#?}"
            );
        }
        let only_cause = found
            .iter()
            .filter(|d| d.severity == Severity::Error)
            .count();
        assert!(
            only_cause <= 2 || case.code == "script_syntax",
            "{source}: {found:#?}"
        );
    }
}

#[test]
fn every_code_of_scripts_has_a_case() {
    let tested: BTreeSet<&str> = cases().iter().map(|case| case.code).collect();
    for (code, _) in SCRIPT_CODES {
        assert!(tested.contains(code), "{code}");
        assert!(
            !CODES.iter().any(|(known, _)| known == code),
            "{code} twice"
        );
    }
    let known = |code: &str| {
        CODES
            .iter()
            .chain(SCRIPT_CODES)
            .any(|(known, _)| *known == code)
    };
    assert!(tested.iter().all(|code| known(code)));
}

#[test]
fn a_misspelt_name_gets_the_right_one() {
    for (source, hint) in [
        (
            "if emma(close, 10) > 1:\n    buy()\n",
            "did you mean `ema`?",
        ),
        (
            "fast = ema(close, 10)\nif fsat > 1:\n    buy()\n",
            "did you mean `fast`?",
        ),
        (
            "if close > 1:\n    buy(sise=cash(10))\n",
            "did you mean `size`?",
        ),
        (
            "if macd(close).histogramm > 1:\n    buy()\n",
            "did you mean `histogram`?",
        ),
        ("while True:\n    pass\n", "`for n in range(10):`"),
        ("x = 1 if close in [1] else 2\n", "x == a or x == b"),
    ] {
        let script = compile_script(source);
        let hints: Vec<&str> = script
            .diagnostics()
            .iter()
            .filter_map(|d| d.hint.as_deref())
            .collect();
        assert!(
            hints.iter().any(|known| known.contains(hint)),
            "{source}: {hints:#?}"
        );
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let source =
        "import os\nfast = emma(close, 10)\nslow = sma(close, 0)\nif close:\n    buy()\nbuy()\n";
    let script = compile_script(source);
    let codes: BTreeSet<&str> = script.diagnostics().iter().map(|d| &*d.code).collect();
    for code in [
        "outside_language",
        "name_unknown",
        "field_out_of_range",
        "type_mismatch",
        "order_misplaced",
    ] {
        assert!(codes.contains(code), "{code}: {codes:?}");
    }
    let broken = compile_script("fast = sma(close,\nif emma(close, 2) > 1:\n    buy()\n");
    let codes: Vec<&str> = broken.diagnostics().iter().map(|d| &*d.code).collect();
    assert!(codes.contains(&"script_syntax"), "{codes:?}");
}

#[test]
fn a_problem_is_drawn_with_a_caret_under_its_place() {
    let source = "fast = sma(close, 10)\nif close > emma(fast, 3):\n    buy()\n";
    let script = compile_script(source);
    let drawn = script.diagnostics()[0].render("mine.py", source, false);
    assert_eq!(
        drawn,
        "error[name_unknown]: there is no function `emma`\n \
         --> mine.py:2:12\n  |\n\
         2 | if close > emma(fast, 3):\n  |            ^^^^\n  \
         = help: did you mean `ema`?"
    );
    let coloured = script.diagnostics()[0].render("mine.py", source, true);
    assert!(coloured.contains("\u{1b}[1;31merror"));
    let plain: String = coloured
        .split("\u{1b}[")
        .map(|piece| match piece.split_once('m') {
            Some((code, rest)) if code.chars().all(|c| c.is_ascii_digit() || c == ';') => rest,
            _ => piece,
        })
        .collect();
    assert_eq!(plain, drawn, "colours are all that differs");
    // What a terminal would obey isn't passed on.
    let hostile = "x = \u{1b}[2J + \u{202e}1\n";
    for diagnostic in compile_script(hostile).diagnostics() {
        let drawn = diagnostic.render("x", hostile, false);
        assert!(!drawn.contains(['\u{1b}', '\u{202e}']), "{drawn:?}");
    }
}

/// Compiles within the time that the issue allows, however loaded the machine is.
fn soon(source: &str) -> Vec<String> {
    let started = Instant::now();
    let script = compile_script(source);
    let _ = format_script(source);
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{}",
        &source[..source.len().min(80)]
    );
    script
        .diagnostics()
        .iter()
        .map(|d| d.code.clone().into_owned())
        .collect()
}

#[test]
fn bombs_are_refused_soon() {
    let nested = |depth: usize, open: &str, close: &str| {
        format!("x = {}1{}\n", open.repeat(depth), close.repeat(depth))
    };
    let doubling: String = (1..60)
        .map(|n| format!("x{n} = x{} + x{}\n", n - 1, n - 1))
        .collect();
    let functions: String = (1..40)
        .map(|n| format!("def f{n}(x):\n    return f{}(x) + f{}(x)\n", n - 1, n - 1))
        .collect();
    for (source, code) in [
        ("x".repeat(10_000_000), "script_too_large"),
        ("x = 1\n".repeat(40_000), "no_action"),
        (nested(10_000, "(", ")"), "script_too_deep"),
        (nested(10_000, "[", "]"), "script_too_deep"),
        (nested(10_000, "-", ""), "script_too_deep"),
        (nested(3_000, "-", ""), "script_too_deep"),
        (nested(3_000, "not ", ""), "script_too_deep"),
        (format!("x = {}1\n", "1 + ".repeat(1_900)), "script_too_deep"),
        (format!("x = close{}\n", ".a".repeat(1_900)), "script_too_deep"),
        (format!("x = close{}\n", "[1]".repeat(900)), "script_too_deep"),
        (format!("x = {}1\n", "1 if close > 1 else ".repeat(400)), "script_too_deep"),
        (format!("x = {}\n", "f(".repeat(10_000)), "script_too_deep"),
        (
            "for a in range(1000):\n    for b in range(1000):\n        for c in range(1000):\n            pass\n".to_owned(),
            "script_too_large",
        ),
        (
            "for a in range(1, 1000):\n    for b in range(1, 1000):\n        x = sma(close, a) + ema(close, b)\n".to_owned(),
            "script_too_large",
        ),
        (format!("x0 = close\n{doubling}if x59 > 1:\n    buy()\n"), ""),
        (format!("def f0(x):\n    return x\n{functions}if f39(close) > 1:\n    buy()\n"), "script_too_deep"),
        ("if close > 1:\n    buy()\n".repeat(5_000), "script_too_large"),
        (format!("{}\n", "if close > 1:\n".repeat(200)), "script_syntax"),
    ] {
        let codes = soon(&source);
        if code.is_empty() {
            assert!(codes.is_empty(), "{codes:?}");
        } else {
            assert!(codes.iter().any(|known| known == code), "{code}: {codes:?} {}", &source[..source.len().min(60)]);
        }
    }
}

#[test]
fn nothing_that_is_set_can_be_anything_else() {
    let source = "n = param(\"n\", 5, min=1, max=50)\nif close > sma(close, n):\n    buy()\n";
    for value in [
        "",
        "NaN",
        "inf",
        "1e400",
        "-1",
        "1_0",
        "0x10",
        "１０",
        "os.remove",
        "5; buy()",
    ] {
        let set = BTreeMap::from([("n".to_owned(), value.to_owned())]);
        let script = compile_script_with(source, &set);
        assert_eq!(script.diagnostics()[0].code, "param_invalid", "{value}");
    }
}

/// Pieces of which scripts are made, put together at random.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "close",
        "volume",
        "x",
        "y",
        "f",
        "sma",
        "ema(close, 5)",
        "macd(close)",
        ".signal",
        "(",
        ")",
        "[",
        "]",
        "[1]",
        "[-1]",
        "10",
        "0",
        "1e9",
        "-",
        "+",
        "*",
        "/",
        "**",
        "<",
        ">",
        "==",
        " and ",
        " or ",
        " not ",
        "if ",
        "else",
        "elif ",
        ":",
        "\n",
        "\n    ",
        "\n        ",
        "for ",
        " in ",
        "range(3)",
        "def ",
        "return ",
        "buy()",
        "sell(size=",
        "units(1)",
        "stop_loss(2)",
        "param(\"n\", 3)",
        "True",
        "\"a\"",
        "'",
        "\"\"\"",
        "#",
        ",",
        "=",
        " = ",
        "while ",
        "import ",
        "lambda ",
        "é",
        "\u{202e}",
        "\0",
        "\t",
        "\\\n",
        "f\"{x}\"",
        "crosses_above(x, y)",
        "hold(x > 1, minutes=5)",
        "strategy(\"s\")",
        "*",
        "**x",
        ";",
        "@",
        "del x",
        "pass",
        "None",
        "1j",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// A template with a few bytes of it changed.
fn mutated() -> impl Strategy<Value = String> {
    let changes =
        prop::collection::vec((any::<prop::sample::Index>(), any::<char>(), 0_u8..3), 1..6);
    (0..templates().len(), changes).prop_map(|(index, changes)| {
        let mut text: Vec<char> = templates()[index].script.chars().collect();
        for (place, character, kind) in changes {
            let place = place.index(text.len());
            match kind {
                0 => text[place] = character,
                1 => text.insert(place, character),
                _ => drop(text.remove(place)),
            }
        }
        text.into_iter().collect()
    })
}

fn holds_for(source: &str) {
    let script = compile_script(source);
    let has_error = script
        .diagnostics()
        .iter()
        .any(|d| d.severity == Severity::Error);
    assert_eq!(script.compilation.plan.is_none(), has_error, "{source}");
    for diagnostic in script.diagnostics() {
        let known = CODES.iter().chain(SCRIPT_CODES);
        assert!(
            known.into_iter().any(|(code, _)| diagnostic.code == *code),
            "{}",
            diagnostic.code
        );
        assert!(diagnostic.message.chars().count() < 1_000);
        diagnostic.render("x", source, true);
    }
    // Formatting changes nothing about the plan, and doing it again changes nothing at all.
    if let Ok(formatted) = format_script(source) {
        let again = compile_script(&formatted);
        let hash = |script: &strategy_engine::Script| {
            script.compilation.plan.as_ref().map(|plan| plan.hash())
        };
        assert_eq!(hash(&again), hash(&script), "{source:?}\n{formatted:?}");
        assert_eq!(
            format_script(&formatted).as_deref(),
            Ok(&*formatted),
            "{source:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_a_plan_or_has_an_error(source in ".{0,200}") {
        holds_for(&source);
    }

    #[test]
    fn any_pieces_are_a_plan_or_have_an_error(source in pieces()) {
        holds_for(&source);
    }

    #[test]
    fn any_changed_template_is_a_plan_or_has_an_error(source in mutated()) {
        holds_for(&source);
    }
}

/// A comma makes a tuple of a value, which compiles to something else, or to nothing.
#[test]
fn formatting_leaves_a_tuple_a_tuple() {
    let source = "strategy(\"SMA\")\n\nfast = sma(close, 20),\n\nif crosses_above(close, fast):\n    buy()\n";
    assert!(compile_script(source).compilation.plan.is_none());
    assert_eq!(format_script(source).as_deref(), Ok(source));
}

#[test]
fn formatting_keeps_comments_and_breaks_long_lines() {
    let source = "#a comment\nfast=sma( close,10 )#why\n\n\n\nif ( close>fast and volume>volume_sma(20) and rsi(close,14)<70 and crosses_above(close,sma(close,50)) ) : # header\n  # inside\n  buy( size = cash(10) )\n  # last\n# outside\nelse:\n  sell()\n";
    let formatted = format_script(source).unwrap();
    assert_eq!(
        formatted,
        "# a comment\nfast = sma(close, 10)  # why\n\nif (\n    close > fast\n    and volume > volume_sma(20)\n    and rsi(close, 14) < 70\n    and crosses_above(close, sma(close, 50))\n):  # header\n    # inside\n    buy(size=cash(10))\n    # last\n# outside\nelse:\n    sell()\n"
    );
    assert_eq!(format_script(&formatted).unwrap(), formatted);
    assert!(format_script("if close > :\n").is_err());
}
