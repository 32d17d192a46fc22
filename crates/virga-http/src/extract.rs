//! Extractors that answer problem details where axum's own would answer plain text.

use axum::{
    extract::{FromRequest, FromRequestParts, Request, rejection},
    response::{IntoResponse, Response},
};
use http::request::Parts;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};
use std::{fmt, marker::PhantomData, time::Duration};
use virga_core::{Code, Failure};

use crate::Error;

/// A body that people type is here within this.
const BODY: Duration = Duration::from_secs(10);

/// Waits for a body, but not longer than [`BODY`]: a drip of bytes would hold a place.
pub(crate) async fn in_time<T>(
    reading: impl Future<Output = Result<T, Error>> + Send,
) -> Result<T, Error> {
    tokio::time::timeout(BODY, reading)
        .await
        .unwrap_or_else(|_| {
            let detail = "The request's body did not arrive in time.";
            Err(Error(Failure::new(Code::BodySlow, detail)))
        })
}

/// A JSON body, in or out.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

/// A form body.
#[derive(Debug, Clone, Copy)]
pub struct Form<T>(pub T);

/// A body as it is.
#[derive(Debug, Clone)]
pub struct Bytes(pub axum::body::Bytes);

/// Path parameters. A parameter that does not parse is a thing that does not exist: 404.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

/// Query parameters.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

fn body_failure(status: http::StatusCode, text: String) -> Error {
    let code = match status.as_u16() {
        413 => Code::BodyTooLarge,
        415 => Code::BodyUnsupported,
        422 => Code::BodyInvalid,
        _ => Code::BodyMalformed,
    };
    Error(Failure::new(code, text))
}

/// A JSON object. Alone a structure would also be read from a list of its fields.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
            }
        }
        from.deserialize_map(Fields(PhantomData))
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        in_time(async {
            let object = axum::Json::<Object<T>>::from_request(request, state).await;
            let axum::Json(Object(value)) =
                object.map_err(|refused: rejection::JsonRejection| {
                    body_failure(refused.status(), refused.body_text())
                })?;
            Ok(Self(value))
        })
        .await
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        in_time(async {
            axum::Form::<T>::from_request(request, state)
                .await
                .map(|axum::Form(value)| Self(value))
                .map_err(|refused: rejection::FormRejection| {
                    body_failure(refused.status(), refused.body_text())
                })
        })
        .await
    }
}

impl<S: Send + Sync> FromRequest<S> for Bytes {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        in_time(async {
            axum::body::Bytes::from_request(request, state)
                .await
                .map(Self)
                .map_err(|refused| body_failure(refused.status(), refused.body_text()))
        })
        .await
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(value)| Self(value))
            .map_err(|_| Error(Failure::not_found("thing at this address")))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        axum::extract::Query::<T>::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|refused| Error(Failure::new(Code::QueryInvalid, refused.body_text())))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}
