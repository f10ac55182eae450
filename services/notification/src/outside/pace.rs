//! When a target that fails is tried again: later and later, and from some point on only to see
//! whether it is back.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

/// Failures in a row from which a target counts as down. From there on a single delivery tries it,
/// once after each pause; all others wait.
pub(super) const BREAKS_AT: i32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// The longest that a target may ask to be left alone.
const LONGEST_ASKED: Duration = Duration::from_secs(3_600);
/// Attempts of one delivery.
pub(super) const MAX_ATTEMPTS: i32 = 12;

/// How a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Health {
    /// The last call went well, or there was none.
    Working,
    /// Some calls failed; it is tried again soon.
    Failing,
    /// So many calls failed in a row that it is tried rarely.
    Down,
    /// It is switched off.
    Off,
}

impl Health {
    const ALL: [Self; 4] = [Self::Working, Self::Failing, Self::Down, Self::Off];

    /// How many targets are how, from (enabled, failures in a row, targets).
    pub(super) fn counted(targets: &[(bool, i32, i64)]) -> [(Self, i64); 4] {
        Self::ALL.map(|health| {
            let of_it = targets
                .iter()
                .filter(|(enabled, failures, _)| Self::of(*enabled, *failures) == health);
            (health, of_it.map(|(_, _, count)| count).sum())
        })
    }

    /// As the API has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Failing => "failing",
            Self::Down => "down",
            Self::Off => "off",
        }
    }

    /// From the failures in a row.
    pub(super) fn of(enabled: bool, failures: i32) -> Self {
        match failures {
            _ if !enabled => Self::Off,
            i32::MIN..=0 => Self::Working,
            1..BREAKS_AT => Self::Failing,
            _ => Self::Down,
        }
    }
}

/// How long a target is left alone after so many failures in a row: what it asks for, else three
/// times as long each time. `spread` (0 to 1) keeps targets of one host apart.
pub(super) fn pause(failures: i32, asked: Option<Duration>, spread: f64) -> Duration {
    let tripled = u32::try_from(failures.clamp(1, 10) - 1).unwrap_or_default();
    let backoff = FIRST_PAUSE * 3_u32.pow(tripled);
    let backoff = backoff.min(LONGEST_PAUSE).mul_f64(0.8 + 0.4 * spread);
    match asked {
        Some(asked) => backoff.max(asked.min(LONGEST_ASKED)),
        None => backoff,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_bounded() {
        let seconds = |failures| pause(failures, None, 0.5).as_secs();
        let pauses: Vec<u64> = (1..=8).map(seconds).collect();
        assert_eq!(pauses, [2, 6, 18, 54, 162, 486, 900, 900]);
        assert_eq!(seconds(i32::MAX), 900);
        assert_eq!(pause(1, None, 0.0).as_millis(), 1_600);
        assert_eq!(pause(1, None, 1.0).as_millis(), 2_400);
    }

    #[test]
    fn a_target_may_ask_for_longer_but_not_for_ever() {
        let asked = |seconds| pause(1, Some(Duration::from_secs(seconds)), 0.5).as_secs();
        assert_eq!(asked(1), 2);
        assert_eq!(asked(120), 120);
        assert_eq!(asked(1_000_000), 3_600);
    }

    #[test]
    fn the_breaker_opens_at_the_fifth_failure() {
        assert_eq!(Health::of(true, 0), Health::Working);
        assert_eq!(Health::of(true, 4), Health::Failing);
        assert_eq!(Health::of(true, 5), Health::Down);
        assert_eq!(Health::of(false, 5), Health::Off);
    }
    #[test]
    fn targets_are_counted_by_how_they_are() {
        let found = [
            (true, 0, 7),
            (true, 3, 1),
            (true, 4, 2),
            (true, 5, 4),
            (false, 5, 9),
        ];
        assert_eq!(
            Health::counted(&found),
            [
                (Health::Working, 7),
                (Health::Failing, 3),
                (Health::Down, 4),
                (Health::Off, 9),
            ]
        );
        assert!(Health::counted(&[]).iter().all(|(_, count)| *count == 0));
    }
}
