//! Who we are to the bucket: keys from files, or what the machine's surroundings give (environment,
//! a shared credentials file, a web identity, the role of a container or machine).

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use reqsign_aliyun_oss::{
    AssumeRoleWithOidcCredentialProvider, ConfigFileCredentialProvider,
    CredentialsFileCredentialProvider, EcsRamRoleCredentialProvider, EnvCredentialProvider,
};
use reqsign_aws_v4::{Credential, DefaultCredentialProvider, RequestSigner};
use reqsign_core::{
    Context, Error, FileRead, HttpSend, ProvideCredential, ProvideCredentialChain,
    ProvideCredentialDyn, Signer, SigningCredential, StaticEnv, time::Timestamp,
};
use tokio::sync::Mutex;

use super::Dialect;
use virga_objects::{ObjectError, Result};

/// Keys in files are read again this often, so that they can be replaced while the site runs.
const KEPT: Duration = Duration::from_secs(600);
/// The signer fetches a new credential when the old one has less than two minutes left.
const MARGIN: Duration = Duration::from_secs(120);
/// What a machine's own metadata gets to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where credentials come from. `Debug` shows no secret.
#[derive(Clone)]
pub enum BucketCredentials {
    /// Two files; of each the first line counts.
    Files {
        /// Holds the access key's id.
        access_key: PathBuf,
        /// Holds the secret key.
        secret_key: PathBuf,
    },
    /// What these variables of the environment lead to. `AWS_*`, in the order of the AWS tools:
    /// keys, a shared credentials file, a web identity, a container's role, a machine's role. On
    /// OSS `ALIBABA_CLOUD_*` or `OSS_*`: keys, a pod's role (RRSA), credentials files, the role of
    /// an ECS machine. On Kodo `QINIU_ACCESS_KEY` and `QINIU_SECRET_KEY`.
    Surroundings {
        /// Names and values.
        variables: HashMap<String, String>,
        /// Folder that contains the shared credentials file.
        home: Option<PathBuf>,
    },
}

impl fmt::Debug for BucketCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Files { .. } => "Files",
            Self::Surroundings { .. } => "Surroundings",
        })
    }
}

impl BucketCredentials {
    /// A signer of the S3 dialect for our own requests, and the keys themselves for those of
    /// others.
    pub(super) fn signer(
        self,
        dialect: Dialect,
        http: reqwest::Client,
        region: &str,
    ) -> (Signer<Credential>, Keys) {
        let context = Context::new()
            .with_file_read(Files)
            .with_http_send(Http(http));
        let how = RequestSigner::new("s3", region);
        match self {
            Self::Files {
                access_key,
                secret_key,
            } => {
                let keys = KeyFiles {
                    access_key,
                    secret_key,
                };
                pair(context, keys, how)
            }
            Self::Surroundings { variables, home } => {
                let keys = QiniuKeys::of(&variables);
                let of_pod = variables.contains_key("ALIBABA_CLOUD_OIDC_TOKEN_FILE");
                let context = context.with_env(StaticEnv {
                    home_dir: home,
                    envs: variables,
                });
                match dialect {
                    Dialect::S3 => {
                        let chain = DefaultCredentialProvider::builder().no_process().no_sso();
                        pair(context, chain.build(), how)
                    }
                    Dialect::Oss => pair(context, Aliyun::new(of_pod), how),
                    Dialect::Kodo => pair(context, keys, how),
                }
            }
        }
    }
}

fn pair(
    context: Context,
    provider: impl ProvideCredential<Credential = Credential>,
    how: RequestSigner,
) -> (Signer<Credential>, Keys) {
    let provider = Arc::new(provider);
    let keys = Keys {
        context: context.clone(),
        provider: Arc::clone(&provider) as Arc<dyn ProvideCredentialDyn<Credential = Credential>>,
        kept: Mutex::default(),
    };
    (Signer::new(context, provider, how), keys)
}

/// The keys as they are now.
#[derive(Debug)]
pub(super) struct Keys {
    context: Context,
    provider: Arc<dyn ProvideCredentialDyn<Credential = Credential>>,
    kept: Mutex<Option<Credential>>,
}

impl Keys {
    pub(super) async fn now(&self) -> Result<Credential> {
        let mut kept = self.kept.lock().await;
        if let Some(credential) = kept.as_ref().filter(|it| it.is_valid()) {
            return Ok(credential.clone());
        }
        let fresh = self.provider.provide_credential_dyn(&self.context).await;
        if let Err(error) = &fresh {
            tracing::warn!(%error, "no credentials for the bucket");
        }
        let fresh = fresh.ok().flatten().ok_or_else(|| ObjectError::Denied {
            code: "no credentials".to_owned(),
        })?;
        *kept = Some(fresh.clone());
        Ok(fresh)
    }
}

#[derive(Debug)]
struct KeyFiles {
    access_key: PathBuf,
    secret_key: PathBuf,
}

async fn first_line(path: &Path) -> reqsign_core::Result<String> {
    let text = tokio::fs::read_to_string(path).await.map_err(|error| {
        Error::credential_invalid(format!("cannot read {}: {error}", path.display()))
    })?;
    let line = text.lines().next().unwrap_or_default().trim().to_owned();
    if line.is_empty() {
        let why = format!("the first line of {} is empty", path.display());
        return Err(Error::credential_invalid(why));
    }
    Ok(line)
}

impl ProvideCredential for KeyFiles {
    type Credential = Credential;

    async fn provide_credential(&self, _: &Context) -> reqsign_core::Result<Option<Credential>> {
        Ok(Some(Credential {
            access_key_id: first_line(&self.access_key).await?,
            secret_access_key: first_line(&self.secret_key).await?,
            session_token: None,
            expires_in: Some(Timestamp::now() + KEPT + MARGIN),
        }))
    }
}

/// Aliyun's own order, except that a pod that was given a role never takes its machine's instead.
#[derive(Debug)]
struct Aliyun(ProvideCredentialChain<reqsign_aliyun_oss::Credential>);

impl Aliyun {
    fn new(of_pod: bool) -> Self {
        let chain = ProvideCredentialChain::new().push(EnvCredentialProvider::new());
        Self(if of_pod {
            chain.push(AssumeRoleWithOidcCredentialProvider::new())
        } else {
            chain
                .push(CredentialsFileCredentialProvider::new())
                .push(ConfigFileCredentialProvider::new())
                .push(EcsRamRoleCredentialProvider::new())
        })
    }
}

impl ProvideCredential for Aliyun {
    type Credential = Credential;

    async fn provide_credential(&self, ctx: &Context) -> reqsign_core::Result<Option<Credential>> {
        let found = self.0.provide_credential(ctx).await?;
        Ok(found.map(|it| Credential {
            access_key_id: it.access_key_id,
            secret_access_key: it.access_key_secret,
            session_token: it.security_token,
            expires_in: it.expires_in,
        }))
    }
}

/// Qiniu's tools know two variables.
struct QiniuKeys(Option<Credential>);

impl QiniuKeys {
    fn of(variables: &HashMap<String, String>) -> Self {
        let variable = |name| variables.get(name).filter(|it| !it.is_empty()).cloned();
        let keys = variable("QINIU_ACCESS_KEY").zip(variable("QINIU_SECRET_KEY"));
        Self(keys.map(|(access_key_id, secret_access_key)| Credential {
            access_key_id,
            secret_access_key,
            session_token: None,
            expires_in: None,
        }))
    }
}

impl fmt::Debug for QiniuKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QiniuKeys")
    }
}

impl ProvideCredential for QiniuKeys {
    type Credential = Credential;

    async fn provide_credential(&self, _: &Context) -> reqsign_core::Result<Option<Credential>> {
        Ok(self.0.clone())
    }
}

#[derive(Debug)]
struct Files;

impl FileRead for Files {
    async fn file_read(&self, path: &str) -> reqsign_core::Result<Vec<u8>> {
        tokio::fs::read(path)
            .await
            .map_err(|error| Error::unexpected(format!("cannot read {path}: {error}")))
    }
}

/// Asks the services that hand out roles.
#[derive(Debug)]
struct Http(reqwest::Client);

impl HttpSend for Http {
    async fn http_send(
        &self,
        request: http::Request<Bytes>,
    ) -> reqsign_core::Result<http::Response<Bytes>> {
        let failed = |error: reqwest::Error| Error::unexpected(error.without_url().to_string());
        let mut request = reqwest::Request::try_from(request).map_err(failed)?;
        *request.timeout_mut() = Some(PATIENCE);
        let answer = self.0.execute(request).await.map_err(failed)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut response = http::Response::new(answer.bytes().await.map_err(failed)?);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}
