// The families of the product, declared once; each says what it counts.
//
// gen_ai_*: OpenTelemetry's semantic conventions for generative AI
// (open-telemetry/semantic-conventions-genai, docs/gen-ai/gen-ai-metrics.md,
// status Development) in Prometheus spelling: dots become _, the unit is
// appended, {token} is dropped. llm_*: our own.
//
// A closed set below lists every value a label may have; the empty value is
// a label left out. Labels without a set take configured names only. To add
// a family: declare it here, define it and list it in families.cpp.
#pragma once

#include <vector>

#include "src/metrics/snapshot.hpp"

namespace llm::metrics {

// Every family below, in the order of print.
std::span<const Family* const> all_families();

// What the table knows about itself, for collect()'s samples.
void append_table_samples(const Table& table, std::vector<Sample>& samples);

// What of $llm_cache_reason is a label: "below:0.93" is "below", while
// "veto:number" stays, since its second half is one of few words.
Bytes reason_label(Bytes reason);

// Label values with a meaning of their own in more than one room.
inline constexpr Bytes kInput = "input";
inline constexpr Bytes kOutput = "output";
inline constexpr Bytes kCachedInput = "cached_input";
inline constexpr Bytes kCacheWrite = "cache_write";
inline constexpr Bytes kReasoning = "reasoning";

// OTel, labels gen_ai_operation_name, gen_ai_provider_name,
// gen_ai_request_model, gen_ai_response_model (may be empty), then what is
// said below, then variant (llm_variant; mostly empty):
//
// + gen_ai_token_type. Billable tokens of one upstream answer, observed once
// a type. `input` holds cached_input and cache_write too, `output` reasoning.
extern const Family kTokenUsage;
// + error_type (empty on success). From the request's first byte here to the
// answer's last, misses only. Nanoseconds.
extern const Family kRequestDuration;
// To the first generated content of a stream that went upstream. Nanoseconds.
extern const Family kTimeToFirstToken;
// (duration - time to first token) / (output tokens - 1) of such a stream
// with more than one token. Nanoseconds.
extern const Family kTimePerOutputToken;

// Requests answered, by {api, status_class, cache, variant}: api is the
// endpoint's name, cache is $llm_cache_status or "none".
extern const Family kRequests;
// Of those, each text of the operator's that the model was given, by
// {version}: a request with two texts counts in both. Texts are the
// configuration's, so there are as many labels as it has had files.
extern const Family kSystemRequests;
// Cache look-ups by {status, reason}: reason is
// reason_label($llm_cache_reason).
extern const Family kCacheRequests;
// Ends of attempts to store an answer, by {result}.
extern const Family kCacheStores;
// The store's own figures, handed in at the scrape.
extern const Family kCacheEntries;    // gauge
extern const Family kCacheBytes;      // gauge, in use
extern const Family kCacheCapacity;   // gauge, bytes
extern const Family kCacheEvictions;  // live entries evicted for room
extern const Family kCacheCorrupt;    // entries dropped on a failed check
extern const Family kCacheRecovered;  // locks taken over from killed workers
// Tokens that hits did not buy, by {type} input or output.
extern const Family kSavedTokens;
extern const Family kObservedTokens;
// Entries taken out by purges.
extern const Family kPurgedEntries;

// Answers whose usage was estimated, by {reason}.
extern const Family kUsageEstimated;
// |estimated - reported| / reported tokens where the provider reported, by
// {type} input or output. Thousandths.
extern const Family kEstimateError;
// Ends of streams by {how}.
extern const Family kStreamEnds;
// Requests that failed, by {kind}: the client's, the upstream's or our fault.
extern const Family kErrors;
// Our own processing time within one request, upstream time excluded.
// Nanoseconds.
extern const Family kOverhead;

// Of limits and budgets by name: {limit, result} refused or would_refuse.
extern const Family kLimitRequests;
// The ledger had no room: {result} refused or passed, by llm_limit_fail.
extern const Family kLimitUnchecked;
extern const Family kBudgetCrossed;    // by {budget, line} soft or hard
extern const Family kBudgetOverspent;  // nano-dollars
// Credentials that were refused, by {reason}.
extern const Family kKeyRefused;
// Models without a price, by {model}.
extern const Family kUnpriced;
// The ledger's own figures, handed in at the scrape.
extern const Family kReservations;   // gauge
extern const Family kAccounts;       // gauge
extern const Family kLeasesEnded;
extern const Family kLedgerRepairs;

// The semantic cache: candidates judged, vetoes by {reason}, cosine of the
// nearest (thousandths), time of the encoder (nanoseconds), prompts without a
// vector, audits by {agreed} yes, no, unknown.
extern const Family kSemanticCandidates;
extern const Family kSemanticVetoes;
extern const Family kSemanticSimilarity;
extern const Family kSemanticEncode;
extern const Family kSemanticUnencoded;
extern const Family kSemanticAudited;
// Under llm observe, by {threshold} 0.70, 0.80, …
extern const Family kSemanticObserved;
// The index's own figures, handed in at the scrape.
extern const Family kSemanticVectors;     // gauge
extern const Family kSemanticPartitions;  // gauge
extern const Family kSemanticBytes;       // gauge

// Loads of watched files by {file, result}; file is keys, prices, ….
extern const Family kWatchLoads;
extern const Family kSnapshots;  // by {result}: written, failed

// Alerts by {event, result}, once for each endpoint: sent, failed (given up),
// dropped (the queue was full, or the worker ended), suppressed (too soon
// after the last of its kind; counted once, not for each endpoint).
extern const Family kAlerts;

// Attempts at an upstream where a ladder or a provider stands, by {provider,
// outcome}: "answered", or route::name_of() the fault. provider is empty where
// the location itself says who is asked.
extern const Family kAttempts;
// Changes of the cooldown that this request's reports made, by {provider,
// change}.
extern const Family kCooldowns;
// Of each llm_provider, by {provider, model}: 0 closed, 1 half open, 2 open.
// Without a model the provider as a whole; with one, what asking it there
// would meet. Models are those that the configuration names without a glob.
extern const Family kProviderState;  // gauge
// Of all providers and models together, handed in at the scrape.
extern const Family kCooldownRefused;  // attempts not made
extern const Family kCooldownProbes;   // attempts made to find out

// Look-ups of a series that found the metrics region full and were counted
// under "other".
extern const Family kDroppedSeries;
extern const Family kSeries;     // gauge: series in the region
extern const Family kBuildInfo;  // gauge, always 1, by {version, nginx}

}  // namespace llm::metrics
