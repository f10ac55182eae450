//! Lines that came and went, by Myers' algorithm.

use std::fmt::Write as _;
use std::ops::Range;

/// Lines that are shown around a change.
const CONTEXT: usize = 3;
/// Changes beyond which the texts are taken for different altogether: the memory is the square.
const MOST_CHANGES: usize = 1_000;

/// A piece of both texts that is the same, or that became another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    before: Range<usize>,
    after: Range<usize>,
    same: bool,
}

/// The difference of two texts as `diff -u` writes it, without the names of files; empty where
/// there is none.
pub fn unified(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let pieces = pieces(&old, &new);
    let mut text = String::new();
    for hunk in hunks(&pieces) {
        let (first, last) = match (hunk.first(), hunk.last()) {
            (Some(first), Some(last)) => (first, last),
            _ => continue,
        };
        let range = |start: usize, end: usize| match end - start {
            // An empty range is told by the line before it.
            0 => format!("{start},0"),
            1 => format!("{}", start + 1),
            length => format!("{},{length}", start + 1),
        };
        let _ = writeln!(
            text,
            "@@ -{} +{} @@",
            range(first.before.start, last.before.end),
            range(first.after.start, last.after.end)
        );
        for piece in hunk {
            let mut lines = |mark: char, lines: &[&str]| {
                for line in lines {
                    let _ = writeln!(text, "{mark}{line}");
                }
            };
            match piece.same {
                true => lines(' ', &old[piece.before]),
                false => {
                    lines('-', &old[piece.before]);
                    lines('+', &new[piece.after]);
                }
            }
        }
    }
    text
}

/// Changes with the lines around them; those that are near each other together.
fn hunks(pieces: &[Piece]) -> Vec<Vec<Piece>> {
    let mut hunks: Vec<Vec<Piece>> = Vec::new();
    let mut hunk: Vec<Piece> = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let length = piece.before.len();
        let has_more = index + 1 < pieces.len();
        if !piece.same || (length <= 2 * CONTEXT && !hunk.is_empty() && has_more) {
            hunk.push(piece.clone());
            continue;
        }
        let part = |from: usize, to: usize| Piece {
            before: piece.before.start + from..piece.before.start + to,
            after: piece.after.start + from..piece.after.start + to,
            same: true,
        };
        if !hunk.is_empty() {
            hunk.push(part(0, length.min(CONTEXT)));
            hunks.push(std::mem::take(&mut hunk));
        }
        if has_more {
            hunk.push(part(length.saturating_sub(CONTEXT), length));
        }
    }
    if hunk.iter().any(|piece| !piece.same) {
        hunks.push(hunk);
    }
    hunks
}

fn pieces(old: &[&str], new: &[&str]) -> Vec<Piece> {
    let begin = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (rest_old, rest_new) = (&old[begin..], &new[begin..]);
    let ends = rest_old.iter().rev().zip(rest_new.iter().rev());
    let end = ends.take_while(|(a, b)| a == b).count();
    let (end_old, end_new) = (old.len() - end, new.len() - end);
    let (middle_old, middle_new) = (&old[begin..end_old], &new[begin..end_new]);
    let mut pieces = Vec::new();
    push(&mut pieces, 0..begin, 0..begin, true);
    let (mut x, mut y) = (begin, begin);
    for (same_x, same_y) in kept(middle_old, middle_new) {
        let (to_x, to_y) = (begin + same_x, begin + same_y);
        push(&mut pieces, x..to_x, y..to_y, false);
        push(&mut pieces, to_x..to_x + 1, to_y..to_y + 1, true);
        (x, y) = (to_x + 1, to_y + 1);
    }
    push(&mut pieces, x..end_old, y..end_new, false);
    push(&mut pieces, end_old..old.len(), end_new..new.len(), true);
    pieces
}

/// Adds a piece to the last one, if it is of the same kind.
fn push(pieces: &mut Vec<Piece>, before: Range<usize>, after: Range<usize>, same: bool) {
    if before.is_empty() && after.is_empty() {
        return;
    }
    match pieces.last_mut() {
        Some(last) if last.same == same => {
            last.before.end = before.end;
            last.after.end = after.end;
        }
        _ => pieces.push(Piece {
            before,
            after,
            same,
        }),
    }
}

/// The lines that both have, in their order; none where too much is different.
fn kept(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let most = (old.len() + new.len()).min(MOST_CHANGES);
    // For each number of changes and each diagonal, how far the old text is read.
    let mut reached: Vec<Vec<usize>> = Vec::new();
    for changes in 0..=most {
        let mut now = vec![0; 2 * changes + 1];
        for place in 0..=2 * changes {
            if (place % 2) != 0 {
                continue;
            }
            let x = start(reached.last(), changes, place);
            // The diagonal is `place - changes`: old minus new.
            let Some(y) = (x + changes).checked_sub(place) else {
                continue;
            };
            let same = |x: usize, y: usize| old.get(x).is_some_and(|line| new.get(y) == Some(line));
            let run = (0..).take_while(|step| same(x + step, y + step)).count();
            now[place] = x + run;
            if x + run >= old.len() && y + run >= new.len() {
                reached.push(now);
                return walk_back(&reached, old.len(), new.len());
            }
        }
        reached.push(now);
    }
    Vec::new()
}

/// Where a diagonal begins after one more change: below the one before it, or right of it.
fn start(before: Option<&Vec<usize>>, changes: usize, place: usize) -> usize {
    let Some(before) = before else { return 0 };
    // Of `changes - 1` changes, the same diagonal is one place to the left.
    let lower = place.checked_sub(2).and_then(|place| before.get(place));
    let upper = before.get(place).filter(|_| place < 2 * changes);
    match (lower, upper) {
        (Some(lower), Some(upper)) => (lower + 1).max(*upper),
        (Some(lower), None) => lower + 1,
        (None, Some(upper)) => *upper,
        (None, None) => 0,
    }
}

fn walk_back(reached: &[Vec<usize>], old: usize, new: usize) -> Vec<(usize, usize)> {
    let mut kept = Vec::new();
    let (mut x, mut y) = (old, new);
    for changes in (0..reached.len()).rev() {
        let place = x + changes - y;
        let before = changes
            .checked_sub(1)
            .and_then(|before| reached.get(before));
        let begin = start(before, changes, place);
        while x > begin && y > 0 {
            (x, y) = (x - 1, y - 1);
            kept.push((x, y));
        }
        if changes == 0 {
            break;
        }
        // One line less of the old text or of the new one.
        let lower = place
            .checked_sub(2)
            .and_then(|place| before.and_then(|before| before.get(place)));
        if lower.is_some_and(|lower| lower + 1 == x) {
            x -= 1;
        } else {
            y -= 1;
        }
    }
    kept.reverse();
    kept
}
