//! The knowledge of a forecaster besides its history, in bytes: its models, and what it learned from its own errors. With
//! the same history, it gives the same forecasts again.

use learning::{
    boost::{FormatError, Model},
    conformal::Conformal,
};
use thiserror::Error;

use super::{CORRECTED_BY, Forecaster, Models};
use crate::{digest::Digest, sales::Day};

/// The most models of the median, and the most numbers of one list.
const MOST_MODELS: usize = 64;
const MOST_NUMBERS: usize = 100_000;

#[derive(Debug, Error)]
pub enum KeepError {
    #[error("what was kept ends early, or goes on too long")]
    Length,
    #[error("what was kept holds a number that cannot be")]
    Number,
    #[error("a kept model cannot be read: {0}")]
    Model(#[from] FormatError),
}

impl Forecaster {
    /// Returns the present knowledge. `None` before the first fit.
    pub fn knowledge(&self) -> Option<Vec<u8>> {
        let models = self.models.as_ref()?;
        let mut bytes = models.fitted.0.to_le_bytes().to_vec();
        bytes.extend((models.medians.len() as u32).to_le_bytes());
        for model in models.all() {
            let model = model.to_bytes();
            bytes.extend((model.len() as u32).to_le_bytes());
            bytes.extend(model);
        }
        let numbers = self.conformal.iter().map(Conformal::numbers).chain([self.missed.iter().copied().collect()]);
        for numbers in numbers {
            bytes.extend((numbers.len() as u32).to_le_bytes());
            bytes.extend(numbers.iter().flat_map(|number: &f64| number.to_le_bytes()));
        }
        Some(bytes)
    }

    /// Takes over the knowledge of another forecaster with the same history. After an error, the knowledge is unchanged.
    ///
    /// # Errors
    /// When the bytes are not such as `knowledge` gives.
    pub fn take_up(&mut self, knowledge: &[u8]) -> Result<(), KeepError> {
        let mut rest = Rest(knowledge);
        let fitted = Day(i32::from_le_bytes(rest.array()?));
        let count = rest.count(MOST_MODELS)?;
        let medians: Vec<Model> = (0..count).map(|_| rest.model()).collect::<Result<_, _>>()?;
        let quantiles = [[rest.model()?, rest.model()?], [rest.model()?, rest.model()?]];
        let mut margins = || Conformal::from_numbers(&rest.numbers()?).ok_or(KeepError::Number);
        let conformal = [margins()?, margins()?];
        let missed = rest.numbers()?;
        if !rest.0.is_empty() || medians.is_empty() || missed.len() > CORRECTED_BY {
            return Err(KeepError::Length);
        }
        if missed.iter().any(|miss| !miss.is_finite()) {
            return Err(KeepError::Number);
        }
        (self.conformal, self.missed) = (conformal, missed.into());
        self.models = Some(Models::new(fitted, medians, quantiles));
        Ok(())
    }
}

impl Models {
    pub(super) fn new(fitted: Day, medians: Vec<Model>, quantiles: [[Model; 2]; 2]) -> Self {
        let mut models = Self { fitted, version: String::new(), medians, quantiles };
        let mut digest = Digest::default();
        models.all().for_each(|model| digest.fixed(model.version()));
        models.version = digest.hex();
        models
    }

    fn all(&self) -> impl Iterator<Item = &Model> {
        self.medians.iter().chain(self.quantiles.iter().flatten())
    }
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], KeepError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(KeepError::Length)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn count(&mut self, most: usize) -> Result<usize, KeepError> {
        let count = u32::from_le_bytes(self.array()?) as usize;
        if count > most { Err(KeepError::Length) } else { Ok(count) }
    }

    fn model(&mut self) -> Result<Model, KeepError> {
        let length = self.count(self.0.len())?;
        let (model, rest) = self.0.split_at_checked(length).ok_or(KeepError::Length)?;
        self.0 = rest;
        Ok(Model::from_bytes(model)?)
    }

    fn numbers(&mut self) -> Result<Vec<f64>, KeepError> {
        (0..self.count(MOST_NUMBERS)?).map(|_| Ok(f64::from_le_bytes(self.array()?))).collect()
    }
}
