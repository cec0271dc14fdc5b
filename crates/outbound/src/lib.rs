//! How this process calls others. Every HTTP client is made here.
//!
//! rustls takes its cryptography from a provider that a process installs. The workspace builds one provider, ring, and
//! `reqwest` is built without a default one. A client that is made elsewhere would panic, so clippy.toml forbids it.

use reqwest::ClientBuilder;

/// Returns a client to configure and build, in a process whose TLS is provided by ring.
#[expect(clippy::disallowed_methods, reason = "this is the one place where clients begin")]
pub fn client() -> ClientBuilder {
    install_tls_provider();
    ClientBuilder::new()
}

/// Installs ring as the process's TLS provider, unless one is installed already.
pub fn install_tls_provider() {
    // The only failure is that a provider is installed, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_can_be_built_in_a_process_that_installed_nothing() {
        let client = client().build().unwrap();
        assert!(client.get("https://example.org").build().is_ok());
    }

    #[tokio::test]
    async fn tls_is_spoken_to_whoever_listens() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let greeting = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut first = [0_u8; 1];
            stream.readable().await.unwrap();
            stream.try_read(&mut first).unwrap();
            first[0]
        });
        let answer = client().no_proxy().build().unwrap().get(url).send().await;
        assert!(answer.is_err());
        // A TLS record that holds a handshake message begins with 22.
        assert_eq!(greeting.await.unwrap(), 22);
    }
}
