#![allow(clippy::unwrap_used, clippy::panic)]
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use chrono::Utc;
use jsonwebtoken::{EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::traits::PublicKeyParts as _;
use serde_json::json;

use super::*;
use crate::auth::Auth;
use crate::settings::AuthSettings;

const NAME: &str = "https://login.example.com";
const SECRET: &str = "a-secret-of-more-than-thirty-two-bytes";
const NEVER: Duration = Duration::ZERO;
const LONG: Duration = Duration::from_secs(3_600);

/// A key of the issuer's: what it signs with, and what it publishes.
struct Pair {
    id: String,
    algorithm: Algorithm,
    signs: EncodingKey,
    public: Value,
}

impl Pair {
    fn curve(id: &str) -> Self {
        let random = SystemRandom::new();
        let rules = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let private = EcdsaKeyPair::generate_pkcs8(rules, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(rules, private.as_ref(), &random).unwrap();
        // 4, then x and y.
        let point = &pair.public_key().as_ref()[1..];
        let (x, y) = point.split_at(32);
        Self {
            id: id.to_owned(),
            algorithm: Algorithm::ES256,
            signs: EncodingKey::from_ec_der(private.as_ref()),
            public: json!({"kty": "EC", "crv": "P-256", "kid": id, "use": "sig", "alg": "ES256",
                "x": BASE64.encode(x), "y": BASE64.encode(y)}),
        }
    }

    fn rsa(id: &str) -> Self {
        let private = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2_048).unwrap();
        let der = private.to_pkcs1_der().unwrap();
        let part = |number: &rsa::BigUint| BASE64.encode(number.to_bytes_be());
        Self {
            id: id.to_owned(),
            algorithm: Algorithm::RS256,
            signs: EncodingKey::from_rsa_der(der.as_bytes()),
            public: json!({"kty": "RSA", "kid": id, "n": part(private.n()), "e": part(private.e())}),
        }
    }

    fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.clone());
        jsonwebtoken::encode(&header, claims, &self.signs).unwrap()
    }
}

/// What the issuer publishes, and how often it was asked.
#[derive(Clone, Default)]
struct Published(Arc<Mutex<(Option<Value>, usize)>>);

impl Published {
    fn put(&self, pairs: &[&Pair]) {
        // Keys of kinds that aren't known here are passed over.
        let mut keys = vec![
            json!({"kty": "OKP", "crv": "Ed448", "kid": "other", "x": "AA"}),
            json!("no key at all"),
        ];
        keys.extend(pairs.iter().map(|pair| pair.public.clone()));
        self.0.lock().unwrap().0 = Some(json!({ "keys": keys }));
    }

    /// From now on it answers with an error.
    fn fail(&self) {
        self.0.lock().unwrap().0 = None;
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().1
    }

    fn answer(&self) -> (StatusCode, String) {
        let mut state = self.0.lock().unwrap();
        state.1 += 1;
        match &state.0 {
            Some(keys) => (StatusCode::OK, keys.to_string()),
            None => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
        }
    }
}

async fn start(bounds: Bounds) -> (Published, Auth) {
    let published = Published::default();
    let answering = published.clone();
    let answer = move || std::future::ready(answering.answer());
    let router = Router::new().route("/keys", get(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let jwks_url = format!("http://{}/keys", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = IssuerSettings {
        name: NAME.to_owned(),
        jwks_url,
        audience: "algotrade".to_owned(),
        operator_group: "trading-desk-operators".to_owned(),
        ..IssuerSettings::default()
    };
    let mut auth = Auth::new(&AuthSettings {
        secret: SECRET.to_owned().into(),
        token_seconds: 60,
        ..AuthSettings::default()
    });
    auth.issuer = Issuer::with(&settings, bounds);
    (published, auth)
}

fn claims() -> Value {
    json!({"iss": NAME, "aud": ["algotrade", "other"], "sub": "alice",
        "exp": Utc::now().timestamp() + 600})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

#[tokio::test]
async fn the_issuers_users_are_let_in_under_names_of_their_own() {
    let (published, auth) = start(BOUNDS).await;
    let (curve, rsa) = (Pair::curve("c"), Pair::rsa("r"));
    published.put(&[&curve, &rsa]);
    for pair in [&curve, &rsa] {
        let identity = auth.authenticate(&pair.sign(&claims())).await.unwrap();
        assert_eq!(identity.user_id, "sso:alice");
        let granted = (identity.role, identity.operator, identity.scope);
        assert_eq!(granted, (Role::User, false, Scope::Trade));
    }
    assert_eq!(published.asked(), 1, "keys are asked for once");
    // Ours are as good as ever.
    let own = auth.issue("alice", Role::Service).unwrap();
    assert_eq!(
        auth.authenticate(&own.token).await.unwrap().user_id,
        "alice"
    );

    for (name, value, operator, scope) in [
        (
            "groups",
            json!(["x", "trading-desk-operators"]),
            true,
            Scope::Trade,
        ),
        (
            "roles",
            json!(["trading-desk-operators"]),
            true,
            Scope::Trade,
        ),
        (
            "groups",
            json!("trading-desk-operators"),
            false,
            Scope::Trade,
        ),
        // What our own tokens say about themselves means nothing in theirs.
        ("operator", json!(true), false, Scope::Trade),
        ("role", json!("service"), false, Scope::Trade),
        ("scope", json!("openid algotrade:read"), false, Scope::Read),
        (
            "scope",
            json!("algotrade:read algotrade:trade"),
            false,
            Scope::Trade,
        ),
    ] {
        let token = curve.sign(&with(name, value.clone()));
        let identity = auth.authenticate(&token).await.unwrap();
        let granted = (identity.role, identity.operator, identity.scope);
        assert_eq!(granted, (Role::User, operator, scope), "{name} {value}");
    }
}

#[tokio::test]
async fn what_the_issuer_did_not_sign_for_us_is_refused() {
    let (published, auth) = start(BOUNDS).await;
    let (curve, rsa) = (Pair::curve("c"), Pair::rsa("r"));
    published.put(&[&curve, &rsa]);
    let mut tokens = vec![
        ("of another key", Pair::curve("c").sign(&claims())),
        ("of an unknown key", Pair::curve("d").sign(&claims())),
        (
            "for somebody else",
            curve.sign(&with("aud", json!("other"))),
        ),
        (
            "of another issuer",
            curve.sign(&with("iss", json!("https://evil.example.com"))),
        ),
        (
            "not good yet",
            curve.sign(&with("nbf", json!(Utc::now().timestamp() + 600))),
        ),
        (
            "expired",
            curve.sign(&with("exp", json!(Utc::now().timestamp() - 600))),
        ),
        ("for nobody", curve.sign(&with("sub", json!("")))),
        (
            "for a long name",
            curve.sign(&with("sub", json!("a".repeat(130)))),
        ),
        ("for two lines", curve.sign(&with("sub", json!("a\nb")))),
    ];
    for missing in ["iss", "aud", "exp", "sub"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(missing);
        tokens.push(("without a claim", curve.sign(&claims)));
    }
    // The public key taken for a secret, and a key taken for one of another kind.
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("r".to_owned());
    let public = rsa.public["n"].as_str().unwrap();
    let forged = EncodingKey::from_secret(public.as_bytes());
    let forged = jsonwebtoken::encode(&header, &claims(), &forged).unwrap();
    tokens.push(("signed with what is public", forged));
    let mut confused = Pair::curve("r");
    confused.id = "r".to_owned();
    tokens.push(("of a key of another kind", confused.sign(&claims())));
    let mut unnamed = Header::new(Algorithm::ES256);
    unnamed.kid = None;
    let unnamed = jsonwebtoken::encode(&unnamed, &claims(), &curve.signs).unwrap();
    tokens.push(("of a key without a name", unnamed));
    for (what, token) in tokens {
        let problem = auth.authenticate(&token).await.unwrap_err();
        assert_eq!(problem.status, 401, "{what}: {}", problem.detail);
    }
    auth.authenticate(&curve.sign(&claims())).await.unwrap();
}

#[tokio::test]
async fn keys_are_exchanged_without_a_restart() {
    let bounds = Bounds {
        pause: NEVER,
        ..BOUNDS
    };
    let (published, auth) = start(bounds).await;
    let (old, new) = (Pair::curve("old"), Pair::curve("new"));
    published.put(&[&old]);
    auth.authenticate(&old.sign(&claims())).await.unwrap();
    published.put(&[&new]);
    auth.authenticate(&new.sign(&claims())).await.unwrap();
    let problem = auth.authenticate(&old.sign(&claims())).await.unwrap_err();
    assert_eq!(problem.status, 401, "the issuer has taken it back");
}

#[tokio::test]
async fn whatever_comes_the_issuer_is_asked_once_in_a_while() {
    let (published, auth) = start(BOUNDS).await;
    let known = Pair::curve("known");
    published.put(&[&known]);
    let tokens = (0..50).map(|number| Pair::curve(&format!("unknown-{number}")).sign(&claims()));
    let tokens: Vec<String> = tokens.collect();
    let checks = tokens.iter().map(|token| auth.authenticate(token));
    for refused in futures_util::future::join_all(checks).await {
        assert_eq!(refused.unwrap_err().status, 401);
    }
    auth.authenticate(&known.sign(&claims())).await.unwrap();
    assert_eq!(published.asked(), 1);
}

#[tokio::test]
async fn an_issuer_that_is_away_locks_nobody_out_at_once_and_nobody_in_for_ever() {
    let nothing_known = start(BOUNDS).await;
    let pair = Pair::curve("c");
    let problem = nothing_known.1.authenticate(&pair.sign(&claims())).await;
    assert_eq!(problem.unwrap_err().status, 503);

    // At each look it is time to ask again; what is known holds.
    let (published, auth) = start(Bounds {
        pause: NEVER,
        fresh: NEVER,
        good: LONG,
    })
    .await;
    published.put(&[&pair]);
    auth.authenticate(&pair.sign(&claims())).await.unwrap();
    published.fail();
    for _ in 0..3 {
        auth.authenticate(&pair.sign(&claims())).await.unwrap();
    }
    while published.asked() < 2 {
        tokio::task::yield_now().await;
    }

    // It doesn't hold for ever: a key that was taken back would.
    let (published, auth) = start(Bounds {
        pause: NEVER,
        fresh: NEVER,
        good: NEVER,
    })
    .await;
    published.put(&[&pair]);
    let problem = auth.authenticate(&pair.sign(&claims())).await.unwrap_err();
    assert_eq!(problem.status, 503);
    assert!(published.asked() >= 1);
}
