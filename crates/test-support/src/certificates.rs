//! Certificates of a run: made when a secured broker starts, gone with its folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

/// An authority that signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = params(name, &[])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key)?.pem();
        Ok(Self {
            issuer: Issuer::new(params, key),
            pem,
        })
    }

    /// Writes the authority's own certificate.
    pub(crate) fn write(&self, path: PathBuf) -> Result<PathBuf> {
        write(path, &self.pem)
    }

    /// A certificate for hosts (or for a client, without any), as files `NAME.pem` with the chain,
    /// `NAME.key`, and `NAME.keystore.pem` with both, which is how Kafka takes them.
    pub(crate) fn sign(
        &self,
        dir: &Path,
        name: &str,
        common_name: &str,
        hosts: &[&str],
        expired: bool,
    ) -> Result<()> {
        let key = KeyPair::generate()?;
        let mut params = params(common_name, hosts)?;
        if expired {
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        let (key, chain) = (key.serialize_pem(), format!("{certificate}{}", self.pem));
        write(dir.join(format!("{name}.pem")), &chain)?;
        write(dir.join(format!("{name}.key")), &key)?;
        write(
            dir.join(format!("{name}.keystore.pem")),
            &format!("{key}{chain}"),
        )?;
        Ok(())
    }
}

fn params(common_name: &str, hosts: &[&str]) -> Result<CertificateParams> {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2050, 1, 1);
    Ok(params)
}

fn write(path: PathBuf, text: &str) -> Result<PathBuf> {
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
