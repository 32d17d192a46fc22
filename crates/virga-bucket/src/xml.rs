//! The documents of the dialects: what we read and what we write.

use std::fmt::Write;

use quick_xml::escape::escape;
use serde::{Deserialize, de::DeserializeOwned};
use time::{
    OffsetDateTime,
    format_description::well_known::{Rfc2822, Rfc3339},
};
use virga_core::Timestamp;

use super::Dialect;
use virga_objects::CorsRule;

/// Reads a document; `None` where it is none.
pub(super) fn read<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    quick_xml::de::from_reader(text).ok()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ErrorDocument {
    pub(super) code: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ObjectPage {
    #[serde(default)]
    pub(super) is_truncated: bool,
    pub(super) next_continuation_token: Option<String>,
    #[serde(default)]
    pub(super) contents: Vec<ObjectLine>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ObjectLine {
    pub(super) key: String,
    pub(super) last_modified: String,
    pub(super) size: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteResult {
    #[serde(default)]
    pub(super) error: Vec<DeleteFault>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteFault {
    pub(super) code: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Initiated {
    pub(super) upload_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PartPage {
    #[serde(default)]
    pub(super) is_truncated: bool,
    pub(super) next_part_number_marker: Option<String>,
    #[serde(default)]
    pub(super) part: Vec<PartLine>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PartLine {
    pub(super) part_number: u32,
    pub(super) last_modified: Option<String>,
    #[serde(rename = "ETag")]
    pub(super) etag: String,
    pub(super) size: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UploadPage {
    #[serde(default)]
    pub(super) is_truncated: bool,
    pub(super) next_key_marker: Option<String>,
    pub(super) next_upload_id_marker: Option<String>,
    #[serde(default)]
    pub(super) upload: Vec<UploadLine>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UploadLine {
    pub(super) key: String,
    pub(super) upload_id: String,
    pub(super) initiated: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Cors {
    #[serde(rename = "CORSRule", default)]
    pub(super) cors_rule: Vec<CorsLine>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CorsLine {
    #[serde(default)]
    allowed_origin: Vec<String>,
    #[serde(default)]
    allowed_method: Vec<String>,
    #[serde(default)]
    allowed_header: Vec<String>,
    #[serde(default)]
    expose_header: Vec<String>,
    #[serde(default)]
    max_age_seconds: u32,
}

impl From<CorsLine> for CorsRule {
    fn from(line: CorsLine) -> Self {
        Self {
            origins: line.allowed_origin,
            methods: line.allowed_method,
            headers: line.allowed_header,
            expose: line.expose_header,
            max_age: line.max_age_seconds,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Lifecycle {
    #[serde(rename = "Rule", default)]
    pub(super) rule: Vec<LifecycleRule>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LifecycleRule {
    status: Option<String>,
    abort_incomplete_multipart_upload: Option<AbortRule>,
    /// The same in OSS's words.
    abort_multipart_upload: Option<AbortRule>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AbortRule {
    days_after_initiation: Option<u32>,
    days: Option<u32>,
}

impl Lifecycle {
    /// After how many days the first rule in force ends incomplete uploads.
    pub(super) fn abort_days(&self) -> Option<u32> {
        let in_force = |rule: &&LifecycleRule| rule.status.as_deref() == Some("Enabled");
        let rules = self.rule.iter().filter(in_force);
        let aborts = rules.filter_map(|rule| {
            let amazons = rule.abort_incomplete_multipart_upload.as_ref();
            amazons.or(rule.abort_multipart_upload.as_ref())
        });
        aborts
            .filter_map(|rule| rule.days_after_initiation.or(rule.days))
            .min()
    }
}

/// `PutBucketLifecycleConfiguration` with the one rule.
pub(super) fn abort_rule(dialect: Dialect, days: u32) -> String {
    let (of_all, abort) = match dialect {
        Dialect::Oss => (
            "<Prefix></Prefix>",
            format!("<AbortMultipartUpload><Days>{days}</Days></AbortMultipartUpload>"),
        ),
        Dialect::S3 | Dialect::Kodo => (
            "<Filter><Prefix></Prefix></Filter>",
            format!(
                "<AbortIncompleteMultipartUpload><DaysAfterInitiation>{days}\
                 </DaysAfterInitiation></AbortIncompleteMultipartUpload>"
            ),
        ),
    };
    format!(
        "<LifecycleConfiguration><Rule><ID>virga-incomplete-uploads</ID>{of_all}\
         <Status>Enabled</Status>{abort}</Rule></LifecycleConfiguration>"
    )
}

/// `PutBucketCors`.
pub(super) fn cors(dialect: Dialect, rules: &[CorsRule]) -> String {
    let mut text = String::from("<CORSConfiguration>");
    for rule in rules {
        text += "<CORSRule>";
        for (name, values) in [
            ("AllowedOrigin", &rule.origins),
            ("AllowedMethod", &rule.methods),
            ("AllowedHeader", &rule.headers),
            ("ExposeHeader", &rule.expose),
        ] {
            for value in values {
                let _ = write!(text, "<{name}>{}</{name}>", escape(value));
            }
        }
        let _ = write!(
            text,
            "<MaxAgeSeconds>{}</MaxAgeSeconds></CORSRule>",
            rule.max_age
        );
    }
    if dialect == Dialect::Oss {
        // Caches must not give one site's answer to another.
        text += "<ResponseVary>true</ResponseVary>";
    }
    text + "</CORSConfiguration>"
}

/// `DeleteObjects`.
pub(super) fn delete<'a>(keys: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::from("<Delete><Quiet>true</Quiet>");
    for key in keys {
        let _ = write!(text, "<Object><Key>{}</Key></Object>", escape(key));
    }
    text + "</Delete>"
}

/// `CompleteMultipartUpload`; parts by number.
pub(super) fn complete<'a>(parts: impl Iterator<Item = (u32, &'a str)>) -> String {
    let mut text = String::from("<CompleteMultipartUpload>");
    for (number, etag) in parts {
        let _ = write!(
            text,
            "<Part><PartNumber>{number}</PartNumber><ETag>{}</ETag></Part>",
            escape(etag)
        );
    }
    text + "</CompleteMultipartUpload>"
}

fn stamp(moment: OffsetDateTime) -> Timestamp {
    Timestamp(i64::try_from(moment.unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX))
}

/// A moment as documents spell it; the epoch where it cannot be read.
pub(super) fn moment(text: Option<&str>) -> Timestamp {
    text.and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok())
        .map(stamp)
        .unwrap_or_default()
}

/// A moment as headers spell it; the epoch where it cannot be read.
pub(super) fn header_moment(text: Option<&str>) -> Timestamp {
    text.and_then(|text| OffsetDateTime::parse(text, &Rfc2822).ok())
        .map(stamp)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read() {
        let page: ObjectPage = read(
            br#"<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
            <Name>b</Name><IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b</NextContinuationToken>
            <Contents><Key>v/a</Key><LastModified>2026-11-22T22:57:00.123Z</LastModified><ETag>"x"</ETag><Size>5</Size></Contents>
            <Contents><Key>v/b</Key><LastModified>2026-11-22T22:57:00Z</LastModified><Size>0</Size></Contents>
            </ListBucketResult>"#,
        )
        .unwrap();
        assert!(page.is_truncated);
        assert_eq!(page.next_continuation_token.as_deref(), Some("a&b"));
        assert_eq!((page.contents.len(), page.contents[0].size), (2, 5));
        let empty: ObjectPage =
            read(b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>").unwrap();
        assert!(empty.contents.is_empty());
        assert!(read::<ErrorDocument>(b"<html>no</html>").is_none());
        assert!(read::<ErrorDocument>(b"not xml").is_none());
    }

    #[test]
    fn moments_are_read() {
        let seconds = 1_795_388_220;
        assert_eq!(moment(Some("2026-11-22T22:57:00Z")).seconds(), seconds);
        assert_eq!(
            header_moment(Some("Sun, 22 Nov 2026 22:57:00 GMT")).seconds(),
            seconds
        );
        assert_eq!(header_moment(Some("yesterday")), Timestamp::default());
    }

    #[test]
    fn rules_are_read_as_they_are_written() {
        let rule = CorsRule::of_site(vec!["https://a.example".into(), "https://b.example".into()]);
        for dialect in [Dialect::S3, Dialect::Oss] {
            let text = cors(dialect, &[rule.clone(), CorsRule::default()]);
            let read: Cors = read(text.as_bytes()).unwrap();
            let rules: Vec<CorsRule> = read.cors_rule.into_iter().map(Into::into).collect();
            assert_eq!(rules, [rule.clone(), CorsRule::default()]);
        }
    }

    #[test]
    fn the_abort_rule_is_found_among_others() {
        let read_rule = |text: &str| read::<Lifecycle>(text.as_bytes()).unwrap().abort_days();
        assert_eq!(read_rule(&abort_rule(Dialect::S3, 8)), Some(8));
        assert_eq!(read_rule(&abort_rule(Dialect::Oss, 9)), Some(9));
        let others = "<LifecycleConfiguration><Rule><Status>Enabled</Status><Expiration><Days>3</Days></Expiration></Rule></LifecycleConfiguration>";
        assert_eq!(read_rule(others), None);
        assert_eq!(
            read_rule(&abort_rule(Dialect::S3, 8).replace("Enabled", "Disabled")),
            None
        );
    }

    #[test]
    fn what_is_written_is_escaped() {
        assert_eq!(
            complete([(1, "\"a<b\"")].into_iter()),
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;a&lt;b&quot;</ETag></Part></CompleteMultipartUpload>"
        );
        assert!(delete(["v/a"].into_iter()).contains("<Key>v/a</Key>"));
    }
}
