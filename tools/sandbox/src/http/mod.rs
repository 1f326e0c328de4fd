//! FlexFactor's API under /v1.

mod call;
mod errors;
mod evaluate;
mod list;
mod orders;
mod refund;
mod token;
mod tokenize;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

use crate::app::App;

/// The provider's routes.
pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/oauth2/token", post(token::token))
        .route("/v1/tokenize", post(tokenize::tokenize))
        .route("/v1/evaluate", post(evaluate::evaluate))
        .route("/v1/transmit", post(evaluate::transmit))
        .route("/v1/outcome", post(orders::outcome))
        .route("/v1/orders", get(list::list))
        .route("/v1/orders/{id}", get(orders::get))
        .route("/v1/orders/{id}/refund", post(refund::refund))
        .route("/v1/orders/{id}/cancel", post(orders::cancel))
        .route("/v1/orders/{id}/external-cancel", post(orders::external_cancel))
        .route("/v1/capture", post(orders::capture))
}
