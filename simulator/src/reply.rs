//! Replies in the form of each service.

use bytes::Bytes;

use crate::wire::{ApiError, Service, Xml};

/// What a service answers, before its envelope.
#[derive(Debug)]
pub(crate) enum Content {
    /// What stands inside the result element, or for EC2 besides the request id.
    Xml(String),
    Json(serde_json::Value),
    /// Status, content type and body as they are.
    Raw(u16, &'static str, String),
}

/// A whole reply.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) request_id: String,
    pub(crate) body: Bytes,
}

/// What the client gets to see.
#[derive(Debug)]
pub(crate) enum Answer {
    Send(Reply),
    /// The connection breaks within the body, after so many hundredths of it.
    Break(Reply, u8),
    Reset,
    Hang,
}

impl Answer {
    /// The status for the log; 0 for none.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Send(reply) | Self::Break(reply, _) => reply.status,
            Self::Reset | Self::Hang => 0,
        }
    }
}

impl Reply {
    pub(crate) fn html(status: u16, body: String) -> Self {
        Self {
            status,
            content_type: "text/html",
            request_id: String::new(),
            body: body.into(),
        }
    }

    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        let body = body.to_string().into();
        Self {
            status,
            content_type: "application/json",
            request_id: String::new(),
            body,
        }
    }

    /// As an HTTP response with that body, which may be sent in another way than whole.
    pub(crate) fn as_response<B>(&self, body: B) -> http::Response<B> {
        let mut response = http::Response::new(body);
        *response.status_mut() = http::StatusCode::from_u16(self.status).unwrap_or(http::StatusCode::BAD_REQUEST);
        let headers = response.headers_mut();
        headers.insert(
            http::header::CONTENT_TYPE,
            http::HeaderValue::from_static(self.content_type),
        );
        if let Ok(id) = http::HeaderValue::from_str(&self.request_id)
            && !self.request_id.is_empty()
        {
            headers.insert("x-amzn-requestid", id);
        }
        response
    }

    pub(crate) fn text(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            request_id: String::new(),
            body: body.into(),
        }
    }
}

const XML: &str = "text/xml";
const JSON: &str = "application/x-amz-json-1.1";

/// Writes a result or an error as the service does.
pub(crate) fn write(service: Service, operation: &str, result: Result<Content, ApiError>, request_id: &str) -> Reply {
    let (status, content_type, body) = match result {
        Ok(Content::Xml(inner)) => (200, XML, envelope(service, operation, &inner, request_id)),
        Ok(Content::Json(json)) => (200, JSON, json.to_string()),
        Ok(Content::Raw(status, content_type, body)) => (status, content_type, body),
        Err(error) => {
            let json = service.speaks_json();
            (
                error.status,
                if json { JSON } else { XML },
                write_error(service, &error, request_id),
            )
        }
    };
    Reply {
        status,
        content_type,
        request_id: request_id.to_owned(),
        body: body.into(),
    }
}

/// Operations that have succeeded have names that are safe as elements.
fn envelope(service: Service, operation: &str, inner: &str, request_id: &str) -> String {
    let response = format!("{operation}Response");
    let mut xml = Xml::with_capacity(inner.len() + 512);
    xml.open(&format!("{response} xmlns=\"{}\"", service.namespace()));
    if service == Service::Ec2 {
        xml.text("requestId", request_id).raw(inner);
    } else {
        let result = format!("{operation}Result");
        xml.open(&result).raw(inner).close(&result);
        xml.element("ResponseMetadata", |xml| {
            xml.text("RequestId", request_id);
        });
    }
    xml.close(&response);
    xml.finish()
}

fn write_error(service: Service, error: &ApiError, request_id: &str) -> String {
    let mut xml = Xml::new();
    match service {
        _ if service.speaks_json() => {
            return serde_json::json!({"__type": error.code, "message": error.message}).to_string();
        }
        Service::Ec2 => {
            xml.open("Response").open("Errors").open("Error");
            xml.text("Code", &error.code).text("Message", &error.message);
            xml.close("Error")
                .close("Errors")
                .text("RequestID", request_id)
                .close("Response");
        }
        Service::S3 => {
            xml.open("Error")
                .text("Code", &error.code)
                .text("Message", &error.message);
            xml.text("RequestId", request_id).close("Error");
        }
        _ => {
            xml.open(&format!("ErrorResponse xmlns=\"{}\"", service.namespace()))
                .open("Error");
            xml.text("Type", if error.status >= 500 { "Receiver" } else { "Sender" });
            xml.text("Code", &error.code).text("Message", &error.message);
            xml.close("Error").text("RequestId", request_id).close("ErrorResponse");
        }
    }
    xml.finish()
}

/// What a proxy in between would say.
pub(crate) fn html_page(status: u16) -> String {
    let title = match status {
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Error",
    };
    format!("<html><head><title>{status} {title}</title></head><body><h1>{status} {title}</h1></body></html>\n")
}
