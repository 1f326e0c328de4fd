//! Why a call was refused, apart from how the refusal looks on the wire.

/// A refused call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// HTTP status.
    pub http_status: u16,
    /// One sentence.
    pub title: String,
    /// FlexFactor's own code, where one is known (refund: 2001).
    pub code: Option<String>,
    /// Messages by field.
    pub fields: Vec<(String, String)>,
}

impl Refusal {
    /// A refusal that concerns no field.
    #[must_use]
    pub fn new(http_status: u16, title: impl Into<String>) -> Self {
        Self { http_status, title: title.into(), code: None, fields: vec![] }
    }

    /// A 400 for these fields.
    #[must_use]
    pub fn invalid(fields: Vec<(String, String)>) -> Self {
        Self {
            http_status: 400,
            title: "One or more validation errors occurred.".to_owned(),
            code: None,
            fields,
        }
    }

    /// For the ledger: all of it in one line.
    #[must_use]
    pub fn reason(&self) -> String {
        if self.fields.is_empty() {
            return self.title.clone();
        }
        self.fields
            .iter()
            .map(|(field, message)| format!("{field}: {message}"))
            .collect::<Vec<_>>()
            .join("; ")
    }
}
