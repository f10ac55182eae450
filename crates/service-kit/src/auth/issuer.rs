//! Tokens of an outside issuer: checked with the public keys that it publishes.
//!
//! The keys are fetched when a token asks for one that isn't known, and again now and then, so that
//! one that the issuer took back isn't good for long. Both are bounded: whatever tokens come, the
//! issuer is asked once in [`Bounds::pause`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::DateTime;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;

use super::{Identity, MAX_USER_BYTES, Role, Scope, unauthorized};
use crate::problem::Problem;
use crate::settings::IssuerSettings;

const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_BYTES: usize = 256 << 10;
const MAX_KEYS: usize = 64;
/// What the issuer's clock may be off by, in seconds.
const LEEWAY: u64 = 30;
/// Names in `scope` that say that a token is for looking only.
const READ_SCOPE: &str = "algotrade:read";
const TRADE_SCOPE: &str = "algotrade:trade";

/// One key, and the one algorithm that it is for: what a token's head says is never followed.
#[derive(Clone)]
struct Key {
    algorithm: Algorithm,
    checks: DecodingKey,
}

type Keys = Arc<HashMap<String, Key>>;

/// How often the issuer is asked, and how long its answer holds.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Least time between two looks at the keys.
    pause: Duration,
    /// Keys of this age are looked at again; meanwhile they are good.
    fresh: Duration,
    /// Keys of this age aren't good any more: while the issuer can't be reached, it can't take one
    /// back.
    good: Duration,
}

const BOUNDS: Bounds = Bounds {
    pause: Duration::from_secs(10),
    fresh: Duration::from_secs(10 * 60),
    good: Duration::from_secs(60 * 60),
};

struct Known {
    keys: Keys,
    /// When they were fetched.
    at: Option<Instant>,
    /// When they were asked for last, with whatever outcome.
    tried: Option<Instant>,
}

/// Checks its tokens. Cheap to clone.
#[derive(Clone)]
pub(super) struct Issuer(Arc<Inner>);

struct Inner {
    settings: IssuerSettings,
    bounds: Bounds,
    http: reqwest::Client,
    known: Mutex<Known>,
    /// Held while the keys are fetched, so that they are fetched once.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Debug, Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    groups: Value,
    #[serde(default)]
    roles: Value,
}

impl Issuer {
    /// `None` where none is set.
    pub(super) fn new(settings: &IssuerSettings) -> Option<Self> {
        Self::with(settings, BOUNDS)
    }

    fn with(settings: &IssuerSettings, bounds: Bounds) -> Option<Self> {
        if !settings.is_set() {
            return None;
        }
        crate::service::install_crypto_provider();
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build();
        let http = match http {
            Ok(http) => http,
            Err(error) => {
                tracing::error!(%error, "no client for auth.issuer; its tokens are refused");
                return None;
            }
        };
        Some(Self(Arc::new(Inner {
            settings: settings.clone(),
            bounds,
            http,
            known: Mutex::new(Known {
                keys: Keys::default(),
                at: None,
                tried: None,
            }),
            fetching: tokio::sync::Mutex::default(),
        })))
    }

    /// Checks a token that is signed with `algorithm` by the key of this id, as it says.
    pub(super) async fn check(
        &self,
        token: &str,
        algorithm: Algorithm,
        id: &str,
    ) -> Result<Identity, Problem> {
        let key = self.key(id).await?;
        if key.algorithm != algorithm {
            return Err(unauthorized("the token is not one of the issuer's"));
        }
        let settings = &self.0.settings;
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_issuer(&[&settings.name]);
        validation.set_audience(&[&settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let decoded = jsonwebtoken::decode::<Claims>(token, &key.checks, &validation);
        let claims = decoded.map_err(|error| {
            unauthorized(match error.kind() {
                ErrorKind::ExpiredSignature => "the token has expired",
                ErrorKind::InvalidAudience => "the token is for another program",
                _ => "the token is not one of the issuer's",
            })
        })?;
        self.identity(claims.claims)
    }

    fn identity(&self, claims: Claims) -> Result<Identity, Problem> {
        let settings = &self.0.settings;
        let user_id = format!("{}{}", settings.user_prefix, claims.sub);
        let unusable = claims.sub.is_empty() || claims.sub.chars().any(char::is_control);
        if unusable || user_id.len() > MAX_USER_BYTES {
            return Err(unauthorized(
                "the token's `sub` can't be a user's name here",
            ));
        }
        let group = &settings.operator_group;
        let named = |list: &Value| {
            let list = list.as_array().into_iter().flatten();
            list.filter_map(Value::as_str).any(|name| name == group)
        };
        let scopes = |name: &str| claims.scope.split(' ').any(|scope| scope == name);
        Ok(Identity {
            operator: !group.is_empty() && (named(&claims.groups) || named(&claims.roles)),
            scope: match scopes(READ_SCOPE) && !scopes(TRADE_SCOPE) {
                true => Scope::Read,
                false => Scope::Trade,
            },
            user_id,
            role: Role::User,
            expires_at: DateTime::from_timestamp(claims.exp, 0).unwrap_or_default(),
        })
    }

    async fn key(&self, id: &str) -> Result<Key, Problem> {
        let Bounds { fresh, good, .. } = self.0.bounds;
        match self.look(id) {
            (Some(key), Some(age)) if age < fresh => Ok(key),
            (Some(key), Some(age)) if age < good => {
                if !self.was_asked() {
                    // Nobody waits for what will be the same, mostly.
                    let issuer = self.clone();
                    tokio::spawn(async move { issuer.fetch().await });
                }
                Ok(key)
            }
            _ => {
                self.fetch().await;
                match self.look(id) {
                    (Some(key), Some(age)) if age < good => Ok(key),
                    (_, Some(age)) if age < good => Err(unauthorized("the issuer has no such key")),
                    _ => Err(Problem::unavailable("the issuer of tokens", "no keys")),
                }
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the issuer was asked a moment ago.
    fn was_asked(&self) -> bool {
        let tried = self.known().tried;
        tried.is_some_and(|tried| tried.elapsed() < self.0.bounds.pause)
    }

    fn look(&self, id: &str) -> (Option<Key>, Option<Duration>) {
        let known = self.known();
        (known.keys.get(id).cloned(), known.at.map(|at| at.elapsed()))
    }

    /// Looks at the keys, unless that was done a moment ago.
    async fn fetch(&self) {
        let _one = self.0.fetching.lock().await;
        if self.was_asked() {
            return;
        }
        self.known().tried = Some(Instant::now());
        match self.ask().await {
            Ok(keys) => {
                fetched("taken");
                let mut known = self.known();
                known.keys = Arc::new(keys);
                known.at = Some(Instant::now());
            }
            Err(error) => {
                fetched("failed");
                tracing::warn!(%error, "the keys of auth.issuer can't be had; those that are known stay");
            }
        }
    }

    async fn ask(&self) -> anyhow::Result<HashMap<String, Key>> {
        let answer = self.0.http.get(&self.0.settings.jwks_url).send().await?;
        let mut answer = answer.error_for_status()?;
        let mut bytes = Vec::new();
        while let Some(part) = answer.chunk().await? {
            bytes.extend_from_slice(&part);
            anyhow::ensure!(bytes.len() <= MAX_BYTES, "more than {MAX_BYTES} bytes");
        }
        let keys = keys(&bytes)?;
        anyhow::ensure!(!keys.is_empty(), "no key for RS256 or ES256 with a `kid`");
        Ok(keys)
    }
}

/// A look at the keys of the outside issuer, by outcome: taken, failed.
fn fetched(outcome: &'static str) {
    metrics::counter!("auth_issuer_fetches_total", "outcome" => outcome).increment(1);
}

/// Those of a JWKS that can be used; others, of kinds that aren't known here, are passed over.
fn keys(text: &[u8]) -> anyhow::Result<HashMap<String, Key>> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let set: Set = serde_json::from_slice(text)?;
    let keys = set.keys.into_iter().filter_map(key);
    Ok(keys.take(MAX_KEYS).collect())
}

fn key(jwk: Value) -> Option<(String, Key)> {
    let jwk: Jwk = serde_json::from_value(jwk).ok()?;
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
            Algorithm::ES256
        }
        _ => return None,
    };
    let signs = matches!(
        jwk.common.public_key_use,
        None | Some(PublicKeyUse::Signature)
    );
    let named = jwk.common.key_algorithm;
    let fits = named.is_none_or(|named| named == KeyAlgorithm::from(algorithm));
    let checks = DecodingKey::from_jwk(&jwk).ok()?;
    let key = Key { algorithm, checks };
    (signs && fits).then_some((jwk.common.key_id?, key))
}

#[cfg(test)]
mod tests;
