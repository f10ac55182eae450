//! The broker of a run: a Kafka, whose transactions make every output appear once, or the one that
//! `algotrade up` embeds, which has none.

use std::path::Path;

use kafka_common::KafkaSettings;
use test_support::KafkaBroker;

use super::plan::Act;

#[cfg(feature = "embedded")]
use embedded::Embedded;

/// One of the two.
#[derive(Debug)]
pub(super) enum Broker {
    Kafka(Box<KafkaBroker>),
    #[cfg(feature = "embedded")]
    Embedded(Embedded),
}

impl Broker {
    pub(super) async fn start(embedded: bool) -> anyhow::Result<Self> {
        match embedded {
            false => Ok(Self::Kafka(Box::new(KafkaBroker::start().await?))),
            #[cfg(feature = "embedded")]
            true => Embedded::start().await.map(Self::Embedded),
            #[cfg(not(feature = "embedded"))]
            true => {
                anyhow::bail!("this build has no embedded broker: build with `--features embedded`")
            }
        }
    }

    pub(super) fn bootstrap_servers(&self) -> String {
        match self {
            Self::Kafka(kafka) => kafka.bootstrap_servers(),
            #[cfg(feature = "embedded")]
            Self::Embedded(embedded) => embedded.bootstrap_servers(),
        }
    }

    /// Enters what clients have to know of it.
    pub(super) fn suit(&self, kafka: &mut KafkaSettings) {
        match self {
            Self::Kafka(_) => kafka.delivery = kafka_common::Delivery::ExactlyOnce,
            #[cfg(feature = "embedded")]
            Self::Embedded(_) => crate::backing::suit_embedded_broker(kafka),
        }
    }

    /// Keeps what it said beside what the services said.
    pub(super) fn keep_log(&self, folder: &Path) -> std::io::Result<()> {
        match self {
            Self::Kafka(kafka) => {
                std::fs::copy(kafka.log_path(), folder.join("kafka.log"))?;
            }
            // It says what it says in this process.
            #[cfg(feature = "embedded")]
            Self::Embedded(_) => {}
        }
        Ok(())
    }

    /// Does something to it, and waits until it serves again.
    pub(super) async fn disturb(&mut self, act: Act) -> anyhow::Result<()> {
        match (self, act) {
            (Self::Kafka(kafka), Act::Kill { away }) => {
                kafka.kill();
                tokio::time::sleep(away).await;
                kafka.restart().await
            }
            (Self::Kafka(kafka), Act::Restart) => kafka.restart().await,
            (Self::Kafka(kafka), Act::Pause { away }) => {
                kafka.pause()?;
                tokio::time::sleep(away).await;
                kafka.resume()
            }
            #[cfg(feature = "embedded")]
            (Self::Embedded(embedded), _) => embedded.restart().await,
        }
    }
}

#[cfg(feature = "embedded")]
mod embedded {
    use std::net::SocketAddr;

    use algotrade_embedded::EmbeddedBroker;
    use anyhow::Context as _;

    /// The broker in this process.
    #[derive(Debug)]
    pub(in super::super) struct Embedded {
        address: String,
        // Before `data`: the broker ends first, then its folder goes.
        broker: Option<EmbeddedBroker>,
        data: tempfile::TempDir,
    }

    impl Embedded {
        pub(super) async fn start() -> anyhow::Result<Self> {
            let data = tempfile::tempdir()?;
            let broker = EmbeddedBroker::start(data.path(), None).await?;
            Ok(Self {
                address: broker.bootstrap_servers(),
                broker: Some(broker),
                data,
            })
        }

        pub(super) fn bootstrap_servers(&self) -> String {
            self.address.clone()
        }

        /// Stops it, cutting off what is on its way, and starts it again on the same port and data.
        pub(super) async fn restart(&mut self) -> anyhow::Result<()> {
            if let Some(broker) = self.broker.take() {
                broker.shutdown().await;
            }
            let address: SocketAddr = self.address.parse().context("the broker's address")?;
            let started = EmbeddedBroker::start(self.data.path(), Some(address.port())).await?;
            self.broker = Some(started);
            Ok(())
        }
    }
}
