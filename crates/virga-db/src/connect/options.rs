//! How a server is connected to.

use sea_orm::ConnectOptions;
use std::time::Duration;

/// After waiting this long for a connection, the caller gets the error that the database is away.
const AWAY: Duration = Duration::from_millis(1800);
/// Connections of each of a process's two pools to a server.
const POOL: u32 = 8;

/// A pool of connections to a server, with this password in place of the address's.
pub(crate) fn server(url: &str, password: Option<String>) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(POOL)
        .acquire_timeout(AWAY)
        .sqlx_logging(false);
    if let Some(password) = password {
        let same = password.clone();
        options
            .map_sqlx_mysql_opts(move |mysql| mysql.password(&password))
            .map_sqlx_postgres_opts(move |postgres| postgres.password(&same));
    }
    options
}
