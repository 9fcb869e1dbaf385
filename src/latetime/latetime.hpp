#pragma once

/// What a C++ program needs of Latetime, in one header. docs/cpp.md explains it; times are in
/// gradient steps throughout.
///
/// samples        Dataset, make_dataset                           data/dataset.hpp
///                gaussian_mixture and its like                   data/generators.hpp
///                load_sample_files                               data/sample_file.hpp
///                inspect_samples, inspect_run                    experiment/inspection.hpp
/// what is run    RunConfig, read_config, parse_config            experiment/config.hpp
///                RunProblem, load_problem, load_network          experiment/run.hpp
/// a run          carry_out_run, RunSettings, RunSummary          experiment/run.hpp
///                RunMemory, read_run, write_run                  store/run_sink.hpp
/// a training     TrainingProblem, carry_out_training             experiment/training_run.hpp
/// both           LogTime                                         base/log_time.hpp
///                Outcome: why and where it ended                 base/outcome.hpp
/// its records    Record, metrics_fields                          store/record.hpp
///                Measures                                        measure/measures.hpp
///                StoredRun: all arrays, of memory or a folder    experiment/stored_run.hpp
/// its limit      LimitReport: with stable ranks                  experiment/limit_report.hpp
///                Limit: with its KKT certificate                 dynamics/limit.hpp
///                limit_of_run, limit_of_arrays                   experiment/run_limit.hpp
///                prove_limit: in ball arithmetic                 prove/limit_proof.hpp
///                judge_optimality: global, local optimum         experiment/limit_optimality.hpp
///                bound_optimum: of the least norm, by itself     optimize/optimum.hpp
/// theorems       prove_run: of descent from weights on           prove/run_proof.hpp
///                prove_stored, prove_arrays: of a run            experiment/proof_run.hpp
/// many runs      read_sweep, SweepPlan, carry_out_sweep          sweep/sweep.hpp
/// the claims     check_run, check_arrays, check_config,
///                ClaimReport                                     experiment/claim_check.hpp
///                check_claims, one function a claim              theory/claims.hpp
///                observe_run: what they look at                  theory/observe.hpp
/// single steps   Problem, Loss: what is descended on             model/problem.hpp
///                CoefficientEngine, DenseEngine                  dynamics/, under their names
///                ExactDescent: the engines for the full batch    dynamics/exact_descent.hpp
///                Descent: with the late-time flow                dynamics/descent.hpp
///                record_steps: when to look                      dynamics/schedule.hpp
/// failures       InputError: input to mend                       base/error.hpp
///                RunFailure: what no check could foresee         base/run_failure.hpp

#include "latetime/base/error.hpp"
#include "latetime/base/log_time.hpp"
#include "latetime/base/outcome.hpp"
#include "latetime/base/run_failure.hpp"
#include "latetime/data/dataset.hpp"
#include "latetime/data/generators.hpp"
#include "latetime/data/sample_file.hpp"
#include "latetime/dynamics/coefficient_engine.hpp"
#include "latetime/dynamics/dense_engine.hpp"
#include "latetime/dynamics/descent.hpp"
#include "latetime/dynamics/exact_descent.hpp"
#include "latetime/dynamics/limit.hpp"
#include "latetime/dynamics/schedule.hpp"
#include "latetime/experiment/claim_check.hpp"
#include "latetime/experiment/config.hpp"
#include "latetime/experiment/inspection.hpp"
#include "latetime/experiment/limit_optimality.hpp"
#include "latetime/experiment/limit_report.hpp"
#include "latetime/experiment/proof_run.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/experiment/run_limit.hpp"
#include "latetime/experiment/stored_run.hpp"
#include "latetime/experiment/training_run.hpp"
#include "latetime/measure/measures.hpp"
#include "latetime/model/problem.hpp"
#include "latetime/optimize/optimum.hpp"
#include "latetime/prove/limit_proof.hpp"
#include "latetime/prove/run_proof.hpp"
#include "latetime/store/record.hpp"
#include "latetime/store/run_sink.hpp"
#include "latetime/sweep/sweep.hpp"
#include "latetime/theory/claims.hpp"
#include "latetime/theory/observe.hpp"

// The libraries free what the caller's Eigen allocated, and the other way round.
static_assert(EIGEN_MAX_ALIGN_BYTES == 16,
              "Eigen aligns matrices differently here than in Latetime's libraries; compile "
              "without -march=native, -mavx and the like");
