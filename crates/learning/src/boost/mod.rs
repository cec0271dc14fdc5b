//! Gradient boosting of decision trees over histograms (Friedman 2001; leaf-wise growth as in LightGBM, Ke et al. 2017).
//!
//! Trees are grown best gain first, on features that are cut into at most 255 bins, one of which is for missing values (NaN).
//! Leaves of the absolute and the quantile loss take the median or quantile of their residuals. Rows and features are sampled
//! with a seed, so that the same table and settings give the same model, byte for byte. `Model::effects` says exactly what
//! each feature contributed to a prediction (TreeSHAP).

mod bins;
mod grow;
mod loss;
mod matrix;
mod model;
mod random;
mod shap;
mod train;

pub use loss::Loss;
pub use matrix::Matrix;
pub use model::{FormatError, Model};
pub use shap::Effects;
pub use train::{BoostError, Sample, Settings, train};
