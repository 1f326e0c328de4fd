//! TLS in front of servers that speak plain HTTP, with certificates of our own authority: a handshake costs a function here
//! what it costs it on AWS.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// The name in all certificates.
pub(crate) const HOST: &str = "localhost";
/// Characters in a line of PEM.
const PEM_LINE: usize = 64;

/// An authority, and what it certifies.
#[derive(Clone)]
pub(crate) struct Authority {
    acceptor: TlsAcceptor,
    roots: PathBuf,
    own_root: PathBuf,
    roots_count: usize,
}

impl Authority {
    /// Makes one and writes its certificate to two files of `directory`: alone, and behind all those that this machine trusts,
    /// so that a function that reads its roots from a file has the work of reading a real store.
    pub(crate) fn new(directory: &Path) -> Result<Self> {
        // Of different names: OpenSSL takes a certificate for its own issuer otherwise.
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "The benchmarks' authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![HOST.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, HOST);
        let certificate = params.signed_by(&key, &issuer)?;
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)?;
        let mut roots_text = String::new();
        let trusted = rustls_native_certs::load_native_certs();
        ensure!(!trusted.certs.is_empty(), "this machine trusts no certificates: {:?}", trusted.errors);
        for certificate in &trusted.certs {
            roots_text.push_str(&pem(certificate)?);
        }
        roots_text.push_str(&issuer.pem());
        let (roots, own_root) = (directory.join("roots.pem"), directory.join("own-root.pem"));
        for (path, text) in [(&roots, &roots_text), (&own_root, &issuer.pem())] {
            std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self { acceptor, roots, own_root, roots_count: trusted.certs.len() + 1 })
    }

    /// The file with the certificates that functions are to trust.
    pub(crate) fn roots(&self) -> &Path {
        &self.roots
    }

    /// The file with our certificate alone, for what brings its roots along.
    pub(crate) fn own_root(&self) -> &Path {
        &self.own_root
    }

    /// How many certificates there are in the file with all of them.
    pub(crate) fn roots_count(&self) -> usize {
        self.roots_count
    }

    /// Puts TLS in front of the server at `upstream`, until `servers` is dropped; the URL to call.
    pub(crate) async fn in_front_of(
        &self,
        upstream: SocketAddr,
        servers: &mut JoinSet<()>,
    ) -> Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("https://{HOST}:{}", listener.local_addr()?.port());
        let acceptor = self.acceptor.clone();
        servers.spawn(async move {
            // Connections end with the listener.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(pass_on(acceptor.clone(), stream, upstream));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(url)
    }
}

/// A connection that breaks is the function's to tell of: its answer says so.
async fn pass_on(acceptor: TlsAcceptor, stream: TcpStream, upstream: SocketAddr) {
    let passed = async {
        stream.set_nodelay(true)?;
        let mut outside = acceptor.accept(stream).await?;
        let mut inside = TcpStream::connect(upstream).await?;
        inside.set_nodelay(true)?;
        copy_bidirectional(&mut outside, &mut inside).await
    };
    passed.await.ok();
}

fn pem(der: &[u8]) -> Result<String> {
    let text = STANDARD.encode(der);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in text.as_bytes().chunks(PEM_LINE) {
        writeln!(pem, "{}", std::str::from_utf8(line)?)?;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    Ok(pem)
}
