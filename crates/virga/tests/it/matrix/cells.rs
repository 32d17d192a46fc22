//! The lines of the access matrix. Words of a line: owner, other, stranger, administrator.

/// What else names a video in the answers of a route: a count is a hint.
pub(super) const MARKS: &[(&str, &str)] = &[("GET /api/v1/users/{name}", "\"videos\":1")];

/// Routes that lead to no video, and why.
pub(super) const NO_VIDEO: &[(&str, &str)] = &[
    ("GET /api/v1/site", "the site's name and limits"),
    ("POST /api/v1/setup", "makes the administrator"),
    ("POST /api/v1/users", "makes an account"),
    ("POST /api/v1/sessions", "signs in"),
    ("GET /api/v1/sessions", "the account itself"),
    ("DELETE /api/v1/sessions", "signs out everywhere"),
    ("DELETE /api/v1/sessions/{id}", "the account's own session"),
    ("DELETE /api/v1/sessions/current", "signs out"),
    ("GET /api/v1/users/me", "the account itself"),
    ("PATCH /api/v1/users/me", "the account itself"),
    ("PUT /api/v1/users/me/password", "the account itself"),
    ("POST /api/v1/videos", "makes a draft of one's own"),
    (
        "POST /api/v1/admin/users/{name}/reset-password",
        "accounts only",
    ),
    ("PUT /api/v1/admin/users/{name}/block", "accounts only"),
    ("DELETE /api/v1/admin/users/{name}/block", "accounts only"),
    ("GET /api/v1/reference", "the documentation"),
    ("GET /api/v1/openapi.json", "the documentation"),
    (
        "GET /internal/v1/changes",
        "vouched callers only: a_forged_identity_header_is_nobody",
    ),
    (
        "POST /internal/v1/uploads/{id}/early",
        "vouched callers only: flaws_internal_addresses_are_for_roles_only",
    ),
    (
        "POST /internal/v1/forms",
        "vouched callers only: flaws_internal_addresses_are_for_roles_only",
    ),
    (
        "POST /internal/v1/forms/{id}/stored",
        "vouched callers only: flaws_internal_addresses_are_for_roles_only",
    ),
    (
        "POST /hooks/{service}",
        "signed reports only: oss_tells_of_a_form_and_nobody_else_can",
    ),
    ("GET /livez", "whether the process lives"),
    (
        "GET /.well-known/acme-challenge/{token}",
        "plain listener only: an answer that the authority holds already",
    ),
    ("GET /readyz", "whether the process is ready"),
    ("GET /sign-in", "a form"),
    ("POST /sign-in", "signs in"),
    ("GET /sign-up", "a form"),
    ("POST /sign-up", "makes an account"),
    ("POST /sign-out", "signs out"),
    ("POST /language", "sets a cookie"),
    ("POST /theme", "sets a cookie"),
    ("GET /setup", "a form"),
    ("POST /setup", "makes the administrator"),
    ("POST /upload", "makes a draft of one's own"),
    ("GET /settings", "the account itself"),
    ("POST /settings/password", "the account itself"),
    ("POST /settings/uploads", "the account itself"),
    ("POST /settings/sign-out-everywhere", "the account itself"),
    ("POST /settings/sessions/end", "the account's own session"),
    ("POST /settings/sessions/end-others", "the account itself"),
    ("GET /robots.txt", "the same for every site"),
    ("GET /admin/users/{name}/{act}", "accounts only"),
    ("POST /admin/users/{name}/{act}", "accounts only"),
    ("GET /assets/{file}", "built in"),
    ("GET /favicon.ico", "built in"),
    ("GET /manifest.webmanifest", "the same for every visitor"),
];

/// Every route that leads to a video: a line with the route, what is appended to it and what is sent;
/// then one with the words for public, unlisted, private, deleted.
pub(super) const CELLS: &str = r#"
# The video itself.
GET /api/v1/videos/{id} |  |
    200+ 200+ 200+ 200+ | 200+ 200+ 200+ 200+ | 200+ 404- 404- 200+ | 200+ 404- 404- 200+
PATCH /api/v1/videos/{id} |  | {}
    200+ 403- 401- 200+ | 200+ 403- 401- 200+ | 200+ 404- 404- 200+ | 409- 404- 404- 409-
DELETE /api/v1/videos/{id} |  |
    . 403- 401- . | . 403- 401- . | . 404- 404- . | . 404- 404- .
POST /api/v1/videos/{id}/restore |  |
    409- 403- 401- 409- | 409- 403- 401- 409- | 409- 404- 404- 409- | . 404- 404- .
POST /api/v1/videos/{id}/cancel |  |
    409- 403- 401- 409- | 409- 403- 401- 409- | 409- 404- 404- 409- | 409- 404- 404- 409-
POST /api/v1/videos/{id}/retry |  |
    409- 403- 401- 409- | 409- 403- 401- 409- | 409- 404- 404- 409- | 409- 404- 404- 409-
GET /api/v1/videos/{id}/source |  |
    302- 403- 401- 302- | 302- 403- 401- 302- | 302- 404- 404- 302- | 409- 404- 404- 409-
GET /api/v1/videos/{id}/playback |  |
    200- 200- 200- 200- | 200- 200- 200- 200- | 200- 404- 404- 200- | 404- 404- 404- 404-
PUT /api/v1/videos/{id}/position |  | {"seconds":1.0}
    204- 204- 401- 204- | 204- 204- 401- 204- | 204- 404- 401- 204- | 404- 404- 401- 404-
POST /api/v1/videos/{id}/views |  | {"watched":5.0}
    204- 204- 204- 204- | 204- 204- 204- 204- | 204- 404- 404- 204- | 404- 404- 404- 404-
GET /api/v1/videos/{id}/comments |  |
    200+ 200+ 200+ 200+ | 200+ 200+ 200+ 200+ | 200+ 404- 404- 200+ | 200+ 404- 404- 200+
POST /api/v1/videos/{id}/comments |  | {"text":"x"}
    201- 201- 401- 201- | 201- 201- 401- 201- | 201- 404- 401- 201- | 409- 404- 401- 409-
PATCH /api/v1/videos/{id}/comments/{comment} |  | {"text":"about Quetzalcoatlus"}
    200+ 403- 401- 403- | 200+ 403- 401- 403- | 200+ 404- 404- 403- | 409- 404- 404- 409-
DELETE /api/v1/videos/{id}/comments/{comment} |  |
    . 403- 401- . | . 403- 401- . | . 404- 404- . | . 404- 404- .
GET /api/v1/events | ?videos={id} |
    200- 200- 200- 200- | 200- 200- 200- 200- | 200- 404- 404- 200- | 200- 404- 404- 200-
# Lists and counts.
GET /api/v1/videos |  |
    200+ 200+ 200+ 200+ | 200- 200- 200- 200- | 200- 200- 200- 200- | 200- 200- 200- 200-
GET /api/v1/videos | ?q=quetzal |
    200+ 200+ 200+ 200+ | 200- 200- 200- 200- | 200- 200- 200- 200- | 200- 200- 200- 200-
GET /api/v1/videos | ?sort=popular |
    200+ 200+ 200+ 200+ | 200- 200- 200- 200- | 200- 200- 200- 200- | 200- 200- 200- 200-
GET /api/v1/users/{name}/videos |  |
    200+ 200+ 200+ 200+ | 200- 200- 200- 200- | 200- 200- 200- 200- | 200- 200- 200- 200-
GET /api/v1/users/{name} |  |
    200+ 200+ 200+ 200+ | 200- 200- 200- 200- | 200- 200- 200- 200- | 200- 200- 200- 200-
GET /api/v1/users/me/videos |  |
    200+ 200- 401- 200- | 200+ 200- 401- 200- | 200+ 200- 401- 200- | 200+ 200- 401- 200-
GET /api/v1/sitemap |  |
    200+ 200+ 200+ 200+ | 200- 200- 200- 200- | 200- 200- 200- 200- | 200- 200- 200- 200-
GET /api/v1/admin/users |  |
    403- 403- 401- 200- | 403- 403- 401- 200- | 403- 403- 401- 200- | 403- 403- 401- 200-
GET /api/v1/admin/jobs |  |
    403- 403- 401- 200- | 403- 403- 401- 200- | 403- 403- 401- 200- | 403- 403- 401- 200-
GET /api/v1/admin/jobs/open |  |
    403- 403- 401- 200- | 403- 403- 401- 200- | 403- 403- 401- 200- | 403- 403- 401- 200-
GET /api/v1/admin/storage |  |
    403- 403- 401- 200- | 403- 403- 401- 200- | 403- 403- 401- 200- | 403- 403- 401- 200-
GET /api/v1/admin/site |  |
    403- 403- 401- 200- | 403- 403- 401- 200- | 403- 403- 401- 200- | 403- 403- 401- 200-
PATCH /api/v1/admin/site |  | {}
    403- 403- 401- 200- | 403- 403- 401- 200- | 403- 403- 401- 200- | 403- 403- 401- 200-
GET /metrics |  |
    200- 200- 200- 200- | 200- 200- 200- 200- | 200- 200- 200- 200- | 200- 200- 200- 200-
# Uploads: a draft's, of the same visibility.
GET /api/v1/uploads |  |
    200- 200- 401- 200- | 200- 200- 401- 200- | 200- 200- 401- 200- | 200- 200- 401- 200-
POST /api/v1/uploads |  | {"video_id":"VIDEO","file_name":"x","size":9,"fingerprint":"x"}
    409- 403- 401- 409- | 409- 403- 401- 409- | 409- 404- 401- 409- | 409- 404- 401- 409-
POST /api/v1/uploads/form |  | {"video_id":"VIDEO"}
    409- 403- 401- 409- | 409- 403- 401- 409- | 409- 404- 401- 409- | 409- 404- 401- 409-
GET /api/v1/uploads/{id} |  |
    200- 404- 401- 200- | 200- 404- 401- 200- | 200- 404- 401- 200- | 200- 404- 401- 200-
DELETE /api/v1/uploads/{id} |  |
    . 404- 401- . | . 404- 401- . | . 404- 401- . | . 404- 401- .
POST /api/v1/uploads/{id}/parts/sign |  | {"numbers":[1]}
    200- 404- 401- 200- | 200- 404- 401- 200- | 200- 404- 401- 200- | 409- 404- 401- 409-
GET /api/v1/uploads/{id}/parts |  |
    200- 404- 401- 200- | 200- 404- 401- 200- | 200- 404- 401- 200- | 200- 404- 401- 200-
POST /api/v1/uploads/{id}/complete |  |
    409- 404- 401- 409- | 409- 404- 401- 409- | 409- 404- 401- 409- | 409- 404- 401- 409-
PUT /up/{*path} | ?offset=0&size=10&total=10&exp=9999999999&kid=k&sig=AA |
    403- 403- 403- 403- | 403- 403- 403- 403- | 403- 403- 403- 403- | 403- 403- 403- 403-
POST /up/form/{video} | ?user={upload}&max=10&exp=9999999999&kid=k&sig=AA |
    403- 403- 403- 403- | 403- 403- 403- 403- | 403- 403- 403- 403- | 403- 403- 403- 403-
GET /media/source/{video}/{upload} | ?name=x&exp=9999999999&kid=k&sig=AA |
    403- 403- 403- 403- | 403- 403- 403- 403- | 403- 403- 403- 403- | 403- 403- 403- 403-
# Media without a grant; the walk below asks for the rest.
GET /media/{*path} |  |
    404- 404- 404- 404- | 404- 404- 404- 404- | 404- 404- 404- 404- | 404- 404- 404- 404-
# Pages.
GET / |  |
    200+ 200+ 200+ 200+ | 200- 200- 200- 200- | 200- 200- 200- 200- | 200- 200- 200- 200-
GET / | ?q=quetzal |
    200+ 200+ 200+ 200+ | 200- 200- 200- 200- | 200- 200- 200- 200- | 200- 200- 200- 200-
GET /v/{id} |  |
    200+ 200+ 200+ 200+ | 200+ 200+ 200+ 200+ | 200+ 404- 404- 200+ | 200+ 404- 404- 200+
GET /v/{id}/edit |  |
    200+ 403- 303- 200+ | 200+ 403- 303- 200+ | 200+ 404- 303- 200+ | 200+ 404- 303- 200+
POST /v/{id}/edit |  | title=
    422- 403- 303- 422- | 422- 403- 303- 422- | 422- 404- 404- 422- | 409- 404- 404- 409-
POST /v/{id}/publish |  |
    303- 403- 303- 303- | 303- 403- 303- 303- | 303- 404- 303- 303- | 303- 404- 303- 303-
POST /v/{id}/delete |  |
    . 403- 303- . | . 403- 303- . | . 404- 404- . | . 404- 404- .
POST /v/{id}/restore |  |
    409- 403- 303- 409- | 409- 403- 303- 409- | 409- 404- 404- 409- | . 404- 404- .
POST /v/{id}/cancel |  |
    409+ 403- 303- 409+ | 409+ 403- 303- 409+ | 409+ 404- 303- 409+ | 409+ 404- 303- 409+
POST /v/{id}/retry |  |
    409- 403- 303- 409- | 409- 403- 303- 409- | 409- 404- 404- 409- | 409- 404- 404- 409-
POST /v/{id}/remake |  |
    . 403- 303- . | . 403- 303- . | . 404- 303- . | . 404- 303- .
POST /v/{id}/comments |  | text=x
    303- 303- 303- 303- | 303- 303- 303- 303- | 303- 404- 303- 303- | 409+ 404- 303- 409+
POST /v/{id}/comments/{comment} |  | text=about+Quetzalcoatlus
    303- 403- 303- 403- | 303- 403- 303- 403- | 303- 404- 404- 403- | 409- 404- 404- 409-
POST /v/{id}/comments/{comment}/delete |  |
    . 403- 303- . | . 403- 303- . | . 404- 404- . | . 404- 404- .
GET /u/{name} |  |
    200+ 200+ 200+ 200+ | 200- 200- 200- 200- | 200- 200- 200- 200- | 200- 200- 200- 200-
GET /my/videos |  |
    200+ 200- 303- 200- | 200+ 200- 303- 200- | 200+ 200- 303- 200- | 200+ 200- 303- 200-
GET /upload | ?video={id} |
    200- 200- 303- 200- | 200- 200- 303- 200- | 200- 404- 303- 200- | 200- 404- 303- 200-
GET /embed/{id} |  |
    200+ 200+ 200+ 200+ | 200+ 200+ 200+ 200+ | 404- 404- 404- 404- | 404- 404- 404- 404-
GET /oembed | ?url={site}/v/{id} |
    200+ 200+ 200+ 200+ | 200+ 200+ 200+ 200+ | 404- 404- 404- 404- | 404- 404- 404- 404-
GET /u/{name}/feed.xml |  |
    200+ 200+ 200+ 200+ | 200- 200- 200- 200- | 200- 200- 200- 200- | 200- 200- 200- 200-
GET /sitemap.xml |  |
    200+ 200+ 200+ 200+ | 200- 200- 200- 200- | 200- 200- 200- 200- | 200- 200- 200- 200-
GET /admin |  |
    403- 403- 303- 200- | 403- 403- 303- 200- | 403- 403- 303- 200- | 403- 403- 303- 200-
GET /admin/jobs |  |
    403- 403- 303- 200- | 403- 403- 303- 200- | 403- 403- 303- 200- | 403- 403- 303- 200-
POST /admin/jobs/cancel |  | video=VIDEO
    403- 403- 303- 409- | 403- 403- 303- 409- | 403- 403- 303- 409- | 403- 403- 303- 409-
POST /admin/jobs/retry |  | video=VIDEO
    403- 403- 303- 409- | 403- 403- 303- 409- | 403- 403- 303- 409- | 403- 403- 303- 409-
GET /admin/storage |  |
    403- 403- 303- 200- | 403- 403- 303- 200- | 403- 403- 303- 200- | 403- 403- 303- 200-
GET /admin/site |  |
    403- 403- 303- 200- | 403- 403- 303- 200- | 403- 403- 303- 200- | 403- 403- 303- 200-
POST /admin/site |  | name=
    403- 403- 303- 422- | 403- 403- 303- 422- | 403- 403- 303- 422- | 403- 403- 303- 422-
"#;
