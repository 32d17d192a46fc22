//! Uploads. Parts themselves go to the addresses that `sign_parts` answers, not through here.

use http::Method;
use virga_core::{
    UploadId,
    wire::{FormAsk, FormFile, FormOffer, HeldPart, NewUpload, PartNumbers, SignedPart, Upload},
};

use crate::{ApiCaller, Result};

impl ApiCaller {
    /// `GET /uploads`: the viewer's open ones.
    pub async fn uploads(&self) -> Result<Vec<Upload>> {
        self.get("/uploads").await
    }

    /// `GET /uploads/{id}`.
    pub async fn upload(&self, id: UploadId) -> Result<Upload> {
        self.get(&format!("/uploads/{id}")).await
    }

    /// `POST /uploads`: a new one, or the open one with the same video and fingerprint.
    pub async fn create_upload(&self, upload: &NewUpload) -> Result<Upload> {
        self.exchange(Method::POST, "/uploads", upload).await
    }

    /// `POST /uploads/{id}/parts/sign`.
    pub async fn sign_parts(&self, id: UploadId, parts: &PartNumbers) -> Result<Vec<SignedPart>> {
        let path = format!("/uploads/{id}/parts/sign");
        self.exchange(Method::POST, &path, parts).await
    }

    /// `GET /uploads/{id}/parts`: what the store holds.
    pub async fn parts(&self, id: UploadId) -> Result<Vec<HeldPart>> {
        self.get(&format!("/uploads/{id}/parts")).await
    }

    /// `POST /uploads/{id}/complete`. May be repeated.
    pub async fn complete_upload(&self, id: UploadId) -> Result<()> {
        self.send_empty(Method::POST, &format!("/uploads/{id}/complete"))
            .await
    }

    /// `POST /uploads/form`: where a plain form sends a whole file.
    pub async fn offer_form(&self, ask: &FormAsk) -> Result<FormOffer> {
        self.exchange(Method::POST, "/uploads/form", ask).await
    }

    /// `POST /internal/v1/uploads/{id}/early`: the parts are held by which it can be known before the others come.
    pub async fn look_early(&self, id: UploadId) -> Result<()> {
        let path = format!("/internal/v1/uploads/{id}/early");
        self.post_internal(&path, &()).await
    }

    /// `POST /internal/v1/forms`: a form's file is written and about to be named.
    pub async fn claim_form(&self, file: &FormFile) -> Result<()> {
        self.post_internal("/internal/v1/forms", file).await
    }

    /// `POST /internal/v1/forms/{id}/stored`: its object is stored.
    pub async fn finish_form(&self, id: UploadId) -> Result<()> {
        let path = format!("/internal/v1/forms/{id}/stored");
        self.post_internal(&path, &()).await
    }

    /// `DELETE /uploads/{id}`: gives it up.
    pub async fn cancel_upload(&self, id: UploadId) -> Result<()> {
        self.send_empty(Method::DELETE, &format!("/uploads/{id}"))
            .await
    }
}
