//! `/v1/auth`: signing in, what one is signed in with, and accounts for operators.

mod administration;
mod cookie;
mod signing_in;
mod tokens;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(signing_in::sign_in))
        .routes(routes!(signing_in::refresh))
        .routes(routes!(signing_in::sign_out))
        .routes(routes!(signing_in::change_password))
        .routes(routes!(signing_in::browsers))
        .routes(routes!(signing_in::remove_browser))
        .routes(routes!(tokens::exchange))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(administration::list, administration::create))
        .routes(routes!(administration::change, administration::delete))
}
