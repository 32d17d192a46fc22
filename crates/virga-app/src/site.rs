//! The site itself: its name, who may register, and the one-time link to its first administrator.

use sha2::{Digest, Sha256};
use std::time::Duration;
use virga_core::{
    Code, Failure, Result, Timestamp,
    keys::hex,
    text,
    wire::{Registration, SettingSource, Site, SitePatch, SiteSettings},
};
use virga_db::{DbError, Stored, Tx, accounts, settings};

use crate::App;

const LIFE: Duration = Duration::from_secs(3600);
const DEFAULT_NAME: &str = "Virga";

/// A fresh one-time token, in clear once.
#[derive(Clone)]
pub struct SetupLink(String);

impl SetupLink {
    /// The path to open.
    pub fn path(&self) -> String {
        format!("/setup?token={}", self.0)
    }
}

impl std::fmt::Debug for SetupLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SetupLink")
    }
}

/// How tokens are stored: SHA-256, hexadecimal.
pub fn hash_token(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

impl App {
    /// What every page needs to know. Registration is closed where the configuration
    /// (`registration`) or the stored choice of the setup page closes it.
    pub async fn site(&self, registration: Registration) -> Result<Site> {
        let db = self.db.read();
        let name = settings::get(db, settings::SITE_NAME).await?;
        let registration = match settings::get(db, settings::REGISTRATION).await?.as_deref() {
            Some("closed") => Registration::Closed,
            _ => registration,
        };
        Ok(Site {
            name: name.unwrap_or_else(|| DEFAULT_NAME.to_owned()),
            registration,
            needs_setup: !accounts::any_admin(db).await?,
            upload_max: self.policy.get().upload_max,
            undo_seconds: self.policy.get().undo_window.as_secs(),
            media_origins: Vec::new(),
            loose_seconds: 0,
        })
    }

    /// What administrators can change; `configured` is the configuration's word on registration.
    pub async fn site_settings(&self, configured: Registration) -> Result<SiteSettings> {
        let db = self.db.read();
        let name = settings::get(db, settings::SITE_NAME).await?;
        let stored = settings::get(db, settings::REGISTRATION).await?;
        let source = |stored: bool| {
            if stored {
                SettingSource::Stored
            } else {
                SettingSource::Default
            }
        };
        let closed = configured == Registration::Closed;
        Ok(SiteSettings {
            name_source: source(name.is_some()),
            name: name.unwrap_or_else(|| DEFAULT_NAME.to_owned()),
            registration: match stored.as_deref() {
                Some("closed") => Registration::Closed,
                _ => configured,
            },
            registration_source: if closed {
                SettingSource::Configuration
            } else {
                source(stored.is_some())
            },
        })
    }

    /// Changes them. What the configuration closes cannot be opened here.
    pub async fn change_site(&self, patch: &SitePatch, configured: Registration) -> Result<()> {
        let name = patch.name.as_deref();
        let name = name.map(|it| text::site_name("name", it)).transpose()?;
        if patch.registration == Some(Registration::Open) && configured == Registration::Closed {
            let detail = "The configuration closes registration: change accounts.registration \
                          there.";
            let mut failure = Failure::new(Code::RegistrationConfigured, detail);
            failure.field = Some("registration");
            return Err(failure);
        }
        let name = name.as_deref();
        self.transaction(|tx| async move {
            if let Some(name) = name {
                settings::set(&tx, settings::SITE_NAME, name).await?;
            }
            if let Some(registration) = patch.registration {
                settings::set(&tx, settings::REGISTRATION, registration.as_str()).await?;
            }
            Ok(tx.store(()).await?)
        })
        .await
    }

    /// A link for the first administrator, where there is none yet. It ends on first use or after
    /// an hour, and a new one ends the one before.
    pub async fn offer_setup(&self) -> Result<Option<SetupLink>> {
        if accounts::any_admin(self.db.read()).await? {
            return Ok(None);
        }
        let token = hex(&self.entropy.bytes::<24>());
        let ends = self.clock.now().plus(LIFE);
        let value = format!("{} {}", hash_token(&token), ends.0);
        settings::set(self.db.write(), settings::SETUP_TOKEN, &value).await?;
        Ok(Some(SetupLink(token)))
    }

    /// Makes the account the first administrator and names the site. If two use the link at once,
    /// one gets the error that it was used.
    pub async fn set_up(
        &self,
        token: &str,
        admin: &accounts::UserRow,
        site_name: &str,
        registration: Registration,
    ) -> Result<()> {
        self.transaction(|tx| self.set_up_in(tx, token, admin, site_name, registration))
            .await
    }

    async fn set_up_in(
        &self,
        tx: Tx,
        token: &str,
        admin: &accounts::UserRow,
        site_name: &str,
        registration: Registration,
    ) -> Result<Stored<()>> {
        let refused = || {
            let detail = "This link is used up or too old. Start Virga again for a new one.";
            Failure::new(Code::SetupLink, detail)
        };
        let value = settings::get(&tx, settings::SETUP_TOKEN)
            .await?
            .ok_or_else(refused)?;
        let (hash, ends) = value.split_once(' ').ok_or_else(refused)?;
        let ends = Timestamp(ends.parse().map_err(|_| refused())?);
        let given = hash_token(token);
        if given != hash || self.clock.now() >= ends || accounts::any_admin(&tx).await? {
            return Err(refused());
        }
        // Read without a lock: if two use the same token at once, one of them finds it gone here.
        if !settings::take(&tx, settings::SETUP_TOKEN, &value).await? {
            return Err(refused());
        }
        accounts::insert(&tx, admin).await.map_err(name_taken)?;
        settings::set(&tx, settings::SITE_NAME, site_name).await?;
        settings::set(&tx, settings::REGISTRATION, registration.as_str()).await?;
        Ok(tx.store(()).await?)
    }
}

/// A taken name, in words.
pub(crate) fn name_taken(error: DbError) -> Failure {
    match error {
        DbError::Duplicate(_) => {
            let mut failure = Failure::new(
                Code::NameTaken,
                "This name is taken, or looks like one that is.",
            );
            failure.field = Some("name");
            failure
        }
        other => Failure::from(other),
    }
}

impl App {
    /// Adds an account.
    pub async fn add_account(&self, row: &accounts::UserRow) -> Result<()> {
        accounts::insert(self.db.write(), row)
            .await
            .map_err(name_taken)
    }
}
