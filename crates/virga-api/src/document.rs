//! What holds for every operation, written into the OpenAPI document once: how one signs in, and
//! the refusals by the layers around the handlers.

use http::StatusCode;
use serde_json::json;
use utoipa::{
    PartialSchema,
    openapi::{
        Components, Content, License, ObjectBuilder, OpenApi, Ref, RefOr, Response, Schema,
        extensions::ExtensionsBuilder,
        path::{Operation, ParameterIn, PathItem},
        schema::Type,
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};
use virga_core::{
    Code,
    wire::{Problem, Sort},
};

/// The name of the session's token among the ways to sign in.
const TOKEN: &str = "token";

/// Completes the document that the handlers' annotations made.
pub(crate) fn complete(document: &mut OpenApi) {
    "Virga".clone_into(&mut document.info.title);
    document.info.description = Some(
        "Every refusal is problem details (RFC 9457) with a stable `code`. Lists page by \
         `cursor`. Sign in with `POST /sessions` and send the token as a bearer."
            .to_owned(),
    );
    // What utoipa's macro wrote there is its own package's.
    let mut license = License::new("Apache-2.0");
    license.identifier = Some(license.name.clone());
    document.info.license = Some(license);
    document.info.contact = None;
    "1".clone_into(&mut document.info.version);
    let components = document.components.get_or_insert_with(Components::new);
    let answered = "The codes that a problem may have in this release. Later releases have more: \
                    go by the status of a code that you do not know.";
    let of_videos = "The codes of why a video or job failed or waits in this release. Later \
                     releases have more: show the sentence of a code that you do not know.";
    for (name, schema) in [
        ("Problem", Problem::schema()),
        ("ProblemCode", codes(Code::PROBLEMS, answered)),
        ("ReasonCode", codes(Code::REASONS, of_videos)),
        ("Sort", Sort::schema()),
    ] {
        components.schemas.insert(name.to_owned(), schema);
    }
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components
        .security_schemes
        .insert(TOKEN.to_owned(), bearer.into());
    let token = || SecurityRequirement::new(TOKEN, Vec::<String>::new());
    for item in document.paths.paths.values_mut() {
        for (safe, operation) in operations(item) {
            let security = operation.security.get_or_insert_with(|| vec![token()]);
            let open = security.contains(&SecurityRequirement::default());
            refusals(operation, safe, open);
        }
    }
}

/// The codes as a schema. No property refers to it, because a client takes codes of later releases too.
fn codes(list: &[Code], of: &str) -> RefOr<Schema> {
    let about = |code: &Code| {
        let (meaning, status) = (code.meaning(), code.kind().status());
        let about = json!({"meaning": meaning, "status": status, "retry": code.retry()});
        (code.to_string(), about)
    };
    let table: serde_json::Map<_, _> = list.iter().map(about).collect();
    let table = ExtensionsBuilder::new().add("x-codes", table).build();
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(list.iter().map(|code| code.as_str())))
        .description(Some(of))
        .extensions(Some(table))
        .into()
}

/// Says the largest file that this site takes.
pub(crate) fn limit_uploads(document: &mut OpenApi, upload_max: u64) {
    let schemas = document.components.as_mut().map(|it| &mut it.schemas);
    if let Some(RefOr::T(Schema::Object(upload))) = schemas.and_then(|it| it.get_mut("NewUpload"))
        && let Some(RefOr::T(Schema::Object(size))) = upload.properties.get_mut("size")
    {
        let most = usize::try_from(upload_max).unwrap_or(usize::MAX);
        size.maximum = Some(most.into());
    }
}

/// Each operation, and whether its method changes nothing.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (bool, &mut Operation)> {
    [
        (true, &mut item.get),
        (false, &mut item.post),
        (false, &mut item.put),
        (false, &mut item.patch),
        (false, &mut item.delete),
    ]
    .into_iter()
    .filter_map(|(safe, operation)| Some((safe, operation.as_mut()?)))
}

fn refusals(operation: &mut Operation, safe: bool, open: bool) {
    let lies_in = |place: &ParameterIn| {
        operation.parameters.iter().flatten().any(|it| match it {
            RefOr::T(parameter) => parameter.parameter_in == *place,
            RefOr::Ref(_) => false,
        })
    };
    let administrative = operation.tags.iter().flatten().any(|tag| tag == "admin");
    let body = operation.request_body.is_some();
    let causes: [(bool, &[u16]); 6] = [
        (true, &[429, 503]),
        (body, &[400, 413, 415, 422, 507]),
        (lies_in(&ParameterIn::Query), &[400]),
        (lies_in(&ParameterIn::Path), &[404]),
        // Another site's page, or an account that may not.
        (!safe || administrative, &[403]),
        (!open, &[401]),
    ];
    let statuses = causes.iter().filter(|(applies, _)| *applies);
    let responses = &mut operation.responses.responses;
    for status in statuses.flat_map(|(_, statuses)| *statuses) {
        let response = || RefOr::T(Response::new(""));
        responses.entry(status.to_string()).or_insert_with(response);
    }
    for (status, response) in responses {
        if let RefOr::T(response) = response {
            describe(response, status.parse().unwrap_or_default());
        }
    }
}

/// Words for a status that has none, and the body of a refusal.
fn describe(response: &mut Response, status: u16) {
    let words = StatusCode::from_u16(status).ok();
    if response.description.is_empty() {
        let words = words.and_then(|it| it.canonical_reason());
        words
            .unwrap_or_default()
            .clone_into(&mut response.description);
    }
    if status >= 400 && response.content.is_empty() {
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        let kind = "application/problem+json".to_owned();
        response.content.insert(kind, problem.into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    fn document() -> Value {
        serde_json::to_value(crate::openapi()).unwrap()
    }

    /// The pages' types come from it, and people read there what a change does to the API.
    #[test]
    fn the_kept_document_is_what_the_api_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api/openapi.json");
        if std::env::var_os("VIRGA_WRITE_API").is_some() {
            let text = serde_json::to_string_pretty(&crate::openapi()).unwrap();
            std::fs::write(path, text + "\n").unwrap();
        }
        let kept: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert!(
            kept == document(),
            "docs/api/openapi.json is not what the API says: `make api` writes it"
        );
    }

    #[test]
    fn the_document_names_this_project_and_nobody_else() {
        let info = &document()["info"];
        assert_eq!(info["license"]["identifier"], "Apache-2.0");
        assert!(info.get("contact").is_none(), "{info}");
    }

    /// Every `$ref` below a value.
    fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str));
                map.values().for_each(|it| references(it, found));
            }
            Value::Array(list) => list.iter().for_each(|it| references(it, found)),
            _ => {}
        }
    }

    #[test]
    fn nothing_that_the_document_refers_to_is_missing() {
        let document = document();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(found.len() > 20);
        for reference in found {
            let there = document.pointer(reference.trim_start_matches('#'));
            assert!(there.is_some(), "{reference}");
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let document = document();
        let items = document["paths"].as_object().unwrap().values();
        let operations = items.flat_map(|item| item.as_object().unwrap().values());
        let mut names = BTreeSet::new();
        for operation in operations {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name), "{name} is the name of two operations");
        }
        assert!(names.len() > 40);
    }

    #[test]
    fn every_refusal_is_documented_as_problem_details() {
        let document = document();
        let operations = document["paths"].as_object().unwrap().values();
        let operations = operations.flat_map(|item| item.as_object().unwrap().values());
        let mut seen = 0;
        for operation in operations {
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.contains_key("429"), "{operation}");
            let body = operation.get("requestBody").is_some();
            assert!(
                !body
                    || ["400", "413", "415", "422"]
                        .iter()
                        .all(|it| responses.contains_key(*it)),
                "{operation}"
            );
            for (status, response) in responses {
                let refused = status.starts_with(['4', '5']);
                let problem = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(
                    *problem == json!("#/components/schemas/Problem"),
                    refused,
                    "{status}: {operation}"
                );
                seen += usize::from(refused);
            }
        }
        assert!(seen > 100);
    }

    #[test]
    fn words_of_the_domain_are_documented_as_they_are_sent() {
        let schemas = &document()["components"]["schemas"];
        assert_eq!(schemas["Role"]["enum"], json!(["user", "admin"]));
        let visibility = json!(["public", "unlisted", "private"]);
        assert_eq!(schemas["Visibility"]["enum"], visibility);
        assert_eq!(schemas["Sort"]["enum"], json!(["new", "popular"]));
    }
}
