//! TLS with a certificate that may change at any time, as the kubelet exchanges the files of a Secret.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// A folder with `tls.crt` and `tls.key` in it, as a Secret of type `kubernetes.io/tls` is mounted.
#[derive(Clone, Debug)]
pub struct Certificate {
    folder: PathBuf,
}

impl Certificate {
    /// Nothing is read yet.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// What accepts connections with the certificate as it is now. It is read for each: they are few.
    ///
    /// # Errors
    /// In words that name the file, when one of them cannot be read or they are no pair.
    pub async fn acceptor(&self) -> Result<TlsAcceptor, String> {
        let (chain, chain_file) = self.read("tls.crt").await?;
        let (key, key_file) = self.read("tls.key").await?;
        let said = |file: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&chain)
            .collect::<Result<_, _>>()
            .map_err(|error| said(&chain_file, &error))?;
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| said(&key_file, &error))?;
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| said(&chain_file, &error))?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    async fn read(&self, name: &str) -> Result<(Vec<u8>, PathBuf), String> {
        let file = self.folder.join(name);
        let bytes = tokio::fs::read(&file).await;
        let bytes = bytes.map_err(|error| format!("{}: {error}", file.display()))?;
        Ok((bytes, file))
    }
}
