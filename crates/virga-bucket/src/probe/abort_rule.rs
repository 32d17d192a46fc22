//! The bucket's rule that ends incomplete uploads.

use http::Method;
use virga_objects::{ObjectError, Result};

use super::Outcome;
use crate::{
    BucketStore,
    client::{BucketRequest, document},
    xml,
};

/// The sweeper ends uploads of its own accord after 7 days without a part.
const ABORT_DAYS: u32 = 8;

impl BucketStore {
    pub(super) async fn probe_abort_rule(&self, fix: bool) -> Outcome {
        let remedy = "Run `virga store check --fix`, or set a rule that aborts incomplete multipart uploads \
                      after 8 days; Virga's own sweeper ends those that it knows";
        let right = |days| Outcome::Right(format!("incomplete uploads end after {days} days"));
        let rules = match self.lifecycle().await {
            Ok(rules) => rules,
            Err(error) => return Outcome::Lacking(format!("{error}. {remedy}")),
        };
        match rules.abort_days() {
            Some(days) if days >= ABORT_DAYS => return right(days),
            Some(days) => {
                return Outcome::Wrong(format!(
                    "incomplete uploads end after {days} days, while people may go on with them \
                     for 7 days after each part. Let the rule wait {ABORT_DAYS} days"
                ));
            }
            None if !fix => return Outcome::Lacking(format!("no such rule. {remedy}")),
            None => {}
        }
        if !rules.rule.is_empty() {
            return Outcome::Lacking(format!(
                "the bucket has other rules, which were kept. {remedy} in addition"
            ));
        }
        let set = async {
            const DOING: &str = "set the abort rule";
            let rule = xml::abort_rule(self.client.dialect, ABORT_DAYS);
            let request = BucketRequest::new(Method::PUT, "", DOING).query("lifecycle", "");
            let answer = self.client.send(request.document(rule)).await?;
            document(DOING, answer).await?;
            Ok::<_, ObjectError>(self.lifecycle().await?.abort_days())
        };
        match set.await {
            Ok(Some(days)) => Outcome::Mended(format!("incomplete uploads end after {days} days")),
            Ok(None) => Outcome::Lacking(format!("set, but the bucket did not keep it. {remedy}")),
            Err(error) => Outcome::Lacking(format!("{error}. {remedy}")),
        }
    }

    async fn lifecycle(&self) -> Result<xml::Lifecycle> {
        let request =
            BucketRequest::new(Method::GET, "", "read the abort rule").query("lifecycle", "");
        match self.client.fetch_document(request).await {
            Err(ObjectError::Bucket { code, .. })
                if matches!(
                    code.as_str(),
                    "NoSuchLifecycleConfiguration" | "NoSuchLifecycle"
                ) =>
            {
                Ok(xml::Lifecycle::default())
            }
            rules => rules,
        }
    }
}
