//! What administrators ask for, and the list for search engines.

use std::fmt::Write;

use http::Method;
use virga_core::{
    text::percent_encoded,
    wire::{
        Account, FailedJob, NewPassword, OpenJob, Page, SitePatch, SiteSettings, Sitemap, Storage,
    },
};

use crate::{ApiCaller, Result};

impl ApiCaller {
    /// `GET /admin/users`: by name; `q` is a piece of it.
    pub async fn accounts(&self, q: &str, cursor: Option<&str>) -> Result<Page<Account>> {
        let mut path = format!("/admin/users?q={}", percent_encoded(q));
        if let Some(cursor) = cursor {
            let _ = write!(path, "&cursor={}", percent_encoded(cursor));
        }
        self.get(&path).await
    }

    /// `POST /admin/users/{name}/reset-password`.
    pub async fn reset_password(&self, name: &str) -> Result<NewPassword> {
        let path = format!("/admin/users/{}/reset-password", percent_encoded(name));
        self.exchange(Method::POST, &path, &()).await
    }

    /// `PUT /admin/users/{name}/block`.
    pub async fn block(&self, name: &str) -> Result<()> {
        let path = format!("/admin/users/{}/block", percent_encoded(name));
        self.send_empty(Method::PUT, &path).await
    }

    /// `DELETE /admin/users/{name}/block`.
    pub async fn unblock(&self, name: &str) -> Result<()> {
        let path = format!("/admin/users/{}/block", percent_encoded(name));
        self.send_empty(Method::DELETE, &path).await
    }

    /// `GET /admin/site`.
    pub async fn site_settings(&self) -> Result<SiteSettings> {
        self.get("/admin/site").await
    }

    /// `PATCH /admin/site`.
    pub async fn change_site(&self, patch: &SitePatch) -> Result<SiteSettings> {
        self.exchange(Method::PATCH, "/admin/site", patch).await
    }

    /// `GET /admin/jobs`: those that failed.
    pub async fn failed_jobs(&self, cursor: Option<&str>) -> Result<Page<FailedJob>> {
        let cursor = cursor.map_or_else(String::new, |cursor| {
            format!("?cursor={}", percent_encoded(cursor))
        });
        self.get(&format!("/admin/jobs{cursor}")).await
    }

    /// `GET /admin/jobs/open`.
    pub async fn open_jobs(&self, cursor: Option<&str>) -> Result<Page<OpenJob>> {
        let cursor = cursor.map_or_else(String::new, |cursor| {
            format!("?cursor={}", percent_encoded(cursor))
        });
        self.get(&format!("/admin/jobs/open{cursor}")).await
    }

    /// `GET /admin/storage`.
    pub async fn storage(&self) -> Result<Storage> {
        self.get("/admin/storage").await
    }

    /// `GET /sitemap`: page `page`, from 0.
    pub async fn sitemap(&self, page: u64) -> Result<Sitemap> {
        self.get(&format!("/sitemap?page={page}")).await
    }
}
