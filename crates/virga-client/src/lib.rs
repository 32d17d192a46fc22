//! Typed client of the API over a tower service: a socket, or the routers of the same process.
//!
//! [`ApiClient`] is the transport; [`ApiClient::as_caller`] binds it to one viewer and gives the
//! calls, one method a route. Requests and answers are the wire types of `virga_core`.

mod accounts;
mod admin;
mod call;
mod comments;
mod error;
mod transport;
mod uploads;
mod videos;

pub use call::{ApiCaller, Caller};
pub use error::{ClientError, Result, TransportError};
pub use transport::{ApiClient, Body, InProcess};
pub use videos::VideoQuery;
