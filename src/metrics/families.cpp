#include "src/metrics/families.hpp"

namespace llm::metrics {

namespace {

constexpr int64_t kMicro = 1000;
constexpr int64_t kMilli = 1000 * kMicro;
constexpr int64_t kSecond = 1000 * kMilli;
constexpr int kNanoDecimals = 9;

constexpr Bytes kOperations[] = {"chat", "text_completion", "embeddings",
                                 "generate_content"};
constexpr Bytes kTokenTypes[] = {kInput, kOutput, kCachedInput, kCacheWrite,
                                 kReasoning};
constexpr Bytes kDirections[] = {kInput, kOutput};
constexpr Bytes kApis[] = {"chat",      "completions", "embeddings",
                           "responses", "messages",    "none"};
constexpr Bytes kStatusClasses[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
constexpr Bytes kCacheStatuses[] = {"MISS",  "HIT",      "SEMANTIC", "BYPASS",
                                    "STALE", "UPDATING", "EXPIRED",  "none"};
constexpr Bytes kStoreResults[] = {"stored",   "replaced", "no_store",
                                   "too_large", "no_space", "failed"};
constexpr Bytes kEstimateReasons[] = {"missing", "absurd", "aborted",
                                      "truncated"};
constexpr Bytes kEnds[] = {"complete",       "client_abort", "upstream_cut",
                           "upstream_error", "timeout",      "too_large",
                           "ceiling"};
constexpr Bytes kAdmissions[] = {"admitted", "refused", "would_refuse"};
constexpr Bytes kUncheckedResults[] = {"passed", "refused"};
constexpr Bytes kVetoes[] = {"number",   "unit",    "date",  "identifier",
                             "negation", "antonym", "order", "name",
                             "rare_word", "term",  "audited"};
constexpr Bytes kAgreed[] = {"yes", "no", "unknown"};
constexpr Bytes kThresholds[] = {"0.70", "0.80", "0.85",
                                 "0.90", "0.95", "0.98"};
constexpr Bytes kBudgetLines[] = {"soft", "hard"};
constexpr Bytes kKeyRefusals[] = {"missing", "unknown", "expired",
                                  "disabled", "model"};
constexpr Bytes kErrorKinds[] = {
    "invalid_request", "unauthorized",     "forbidden",
    "not_found",       "unsupported",      "too_large",
    "rate_limited",    "budget_exceeded",  "client_abort",
    "upstream_error",  "upstream_timeout", "upstream_unreachable",
    "upstream_cut",    "upstream_invalid", "internal"};
constexpr Bytes kAttemptOutcomes[] = {
    "answered", "connect",    "cut",          "timeout", "invalid",
    "auth",     "rate_limit", "quota",        "server",  "overloaded",
    "model",    "error_in_200", "context_length", "content_filter",
    "request",  "client_gone"};
constexpr Bytes kCooldownChanges[] = {"opened", "closed"};
constexpr Bytes kLoadResults[] = {"loaded", "failed"};
constexpr Bytes kSnapshotResults[] = {"written", "failed"};

constexpr Bytes kAlertResults[] = {"sent", "failed", "dropped",
                                   "suppressed"};

constexpr Label kOperation{"gen_ai_operation_name", kOperations};
constexpr Label kProvider{"gen_ai_provider_name"};
constexpr Label kRequestModel{"gen_ai_request_model"};
constexpr Label kResponseModel{"gen_ai_response_model"};
constexpr Label kVariant{"variant"};

constexpr Label kUsageLabels[] = {kOperation, kProvider, kRequestModel,
                                  kResponseModel,
                                  {"gen_ai_token_type", kTokenTypes},
                                  kVariant};
constexpr Label kDurationLabels[] = {kOperation, kProvider, kRequestModel,
                                     kResponseModel,
                                     {"error_type", kErrorKinds},
                                     kVariant};
constexpr Label kServerLabels[] = {kOperation, kProvider, kRequestModel,
                                   kResponseModel, kVariant};
constexpr Label kRequestLabels[] = {{"api", kApis},
                                    {"status_class", kStatusClasses},
                                    {"cache", kCacheStatuses},
                                    kVariant};
constexpr Label kVersionLabels[] = {{"version"}};
constexpr Label kCacheLabels[] = {{"status", kCacheStatuses}, {"reason"}};
constexpr Label kStoreLabels[] = {{"result", kStoreResults}};
constexpr Label kDirectionLabels[] = {{"type", kDirections}};
constexpr Label kEstimateLabels[] = {{"reason", kEstimateReasons}};
constexpr Label kEndLabels[] = {{"how", kEnds}};
constexpr Label kErrorLabels[] = {{"kind", kErrorKinds}};
constexpr Label kAttemptLabels[] = {{"provider"},
                                    {"outcome", kAttemptOutcomes}};
constexpr Label kCooldownLabels[] = {{"provider"},
                                     {"change", kCooldownChanges}};
constexpr Label kProviderStateLabels[] = {{"provider"}, {"model"}};
constexpr Label kWatchLabels[] = {{"file"}, {"result", kLoadResults}};
constexpr Label kSnapshotLabels[] = {{"result", kSnapshotResults}};
constexpr Label kAlertLabels[] = {{"event"}, {"result", kAlertResults}};
constexpr Label kLimitLabels[] = {{"limit"}, {"result", kAdmissions}};
constexpr Label kUncheckedLabels[] = {{"result", kUncheckedResults}};
constexpr Label kCrossingLabels[] = {{"budget"}, {"line", kBudgetLines}};
constexpr Label kKeyLabels[] = {{"reason", kKeyRefusals}};
constexpr Label kModelLabels[] = {{"model"}};
constexpr Label kVetoLabels[] = {{"reason", kVetoes}};
constexpr Label kAuditLabels[] = {{"agreed", kAgreed}};
constexpr Label kThresholdLabels[] = {{"threshold", kThresholds}};
constexpr Label kBuildLabels[] = {{"version"}, {"nginx"}};

// The bounds of the first four are the convention's own.
constexpr int64_t kTokenBuckets[] = {
    1,     4,      16,     64,      256,     1024,     4096,
    16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864};
constexpr int64_t kDurationBuckets[] = {
    10 * kMilli,   20 * kMilli,   40 * kMilli,    80 * kMilli,
    160 * kMilli,  320 * kMilli,  640 * kMilli,   1280 * kMilli,
    2560 * kMilli, 5120 * kMilli, 10240 * kMilli, 20480 * kMilli,
    40960 * kMilli, 81920 * kMilli};
// Beyond 10 s: slow reasoning models, as other gateways have found.
constexpr int64_t kFirstTokenBuckets[] = {
    1 * kMilli,   5 * kMilli,   10 * kMilli,   20 * kMilli,  40 * kMilli,
    60 * kMilli,  80 * kMilli,  100 * kMilli,  250 * kMilli, 500 * kMilli,
    750 * kMilli, 1 * kSecond,  2500 * kMilli, 5 * kSecond,  7500 * kMilli,
    10 * kSecond, 15 * kSecond, 30 * kSecond,  60 * kSecond};
constexpr int64_t kPerTokenBuckets[] = {
    10 * kMilli,  25 * kMilli,  50 * kMilli,  75 * kMilli,  100 * kMilli,
    150 * kMilli, 200 * kMilli, 300 * kMilli, 400 * kMilli, 500 * kMilli,
    750 * kMilli, 1 * kSecond,  2500 * kMilli};
constexpr int64_t kErrorBuckets[] = {10,  20,  50,   100,  200,
                                     300, 500, 1000, 2000, 5000};
constexpr int64_t kOverheadBuckets[] = {
    5 * kMicro,   10 * kMicro, 25 * kMicro,  50 * kMicro,
    100 * kMicro, 250 * kMicro, 500 * kMicro, 1 * kMilli,
    2500 * kMicro, 5 * kMilli, 10 * kMilli,  50 * kMilli};

constexpr int64_t kSimilarityBuckets[] = {500, 600, 700, 750, 800, 850,
                                          900, 930, 950, 970, 990};
constexpr int64_t kEncodeBuckets[] = {
    10 * kMicro,   50 * kMicro,  100 * kMicro, 250 * kMicro,
    500 * kMicro,  1 * kMilli,   2 * kMilli,   5 * kMilli,
    10 * kMilli,   25 * kMilli,  100 * kMilli, 500 * kMilli};

constexpr Family counter(Bytes name, Bytes help,
                         std::span<const Label> labels = {}) {
    return {name, help, Type::kCounter, labels, {}, 0};
}

constexpr Family gauge(Bytes name, Bytes help,
                       std::span<const Label> labels = {}) {
    return {name, help, Type::kGauge, labels, {}, 0};
}

constexpr Family histogram(Bytes name, Bytes help,
                           std::span<const Label> labels,
                           std::span<const int64_t> buckets, int decimals) {
    return {name, help, Type::kHistogram, labels, buckets, decimals};
}

}  // namespace

constinit const Family kTokenUsage = histogram(
    "gen_ai_client_token_usage",
    "Billable tokens of an upstream answer; input holds cached_input and "
    "cache_write, output holds reasoning.",
    kUsageLabels, kTokenBuckets, 0);
constinit const Family kRequestDuration = histogram(
    "gen_ai_server_request_duration_seconds",
    "Time from a request's arrival to the end of its answer from upstream.",
    kDurationLabels, kDurationBuckets, kNanoDecimals);
constinit const Family kTimeToFirstToken = histogram(
    "gen_ai_server_time_to_first_token_seconds",
    "Time to the first generated content of a stream from upstream.",
    kServerLabels, kFirstTokenBuckets, kNanoDecimals);
constinit const Family kTimePerOutputToken = histogram(
    "gen_ai_server_time_per_output_token_seconds",
    "Time per output token after the first one of a stream from upstream.",
    kServerLabels, kPerTokenBuckets, kNanoDecimals);

constinit const Family kRequests =
    counter("llm_requests_total", "Requests answered.", kRequestLabels);
constinit const Family kSystemRequests =
    counter("llm_system_requests_total",
            "Requests that the model was given a text of llm_system with.",
            kVersionLabels);
constinit const Family kCacheRequests = counter(
    "llm_cache_requests_total",
    "Cache look-ups by outcome and the reason for it.", kCacheLabels);
constinit const Family kCacheStores =
    counter("llm_cache_stores_total", "Attempts to store an answer.",
            kStoreLabels);
constinit const Family kCacheEntries =
    gauge("llm_cache_entries", "Answers in the cache.");
constinit const Family kCacheBytes =
    gauge("llm_cache_bytes", "Shared memory in use by the cache.");
constinit const Family kCacheCapacity =
    gauge("llm_cache_capacity_bytes", "Shared memory of the cache.");
constinit const Family kCacheEvictions =
    counter("llm_cache_evictions_total", "Live answers evicted for room.");
constinit const Family kCacheCorrupt = counter(
    "llm_cache_corrupt_total", "Cache entries dropped on a failed check.");
constinit const Family kCacheRecovered =
    counter("llm_cache_recovered_total",
            "Cache locks taken over from killed workers.");
constinit const Family kSavedTokens =
    counter("llm_saved_tokens_total", "Tokens that cache hits did not buy.",
            kDirectionLabels);
constinit const Family kObservedTokens =
    counter("llm_observed_saved_tokens_total",
            "Tokens that cache hits would not have bought.",
            kDirectionLabels);
constinit const Family kPurgedEntries =
    counter("llm_purged_entries_total", "Answers taken out by purges.");

constinit const Family kUsageEstimated =
    counter("llm_usage_estimated_total",
            "Answers whose token usage was estimated.", kEstimateLabels);
constinit const Family kEstimateError = histogram(
    "llm_token_estimate_error_ratio",
    "Estimated against reported tokens: |estimated - reported| / reported.",
    kDirectionLabels, kErrorBuckets, 3);
constinit const Family kStreamEnds =
    counter("llm_stream_ends_total", "Streams by how they ended.", kEndLabels);
constinit const Family kErrors =
    counter("llm_errors_total", "Requests that failed, by whose fault.",
            kErrorLabels);
constinit const Family kOverhead = histogram(
    "llm_overhead_seconds",
    "The module's own time within a request, waiting excluded.", {},
    kOverheadBuckets, kNanoDecimals);

constinit const Family kLimitRequests =
    counter("llm_limit_requests_total",
            "Requests that a limit or budget refused, or would have.",
            kLimitLabels);
constinit const Family kLimitUnchecked =
    counter("llm_limit_unchecked_total",
            "Requests whose limits could not be checked for want of room.",
            kUncheckedLabels);
constinit const Family kBudgetCrossed =
    counter("llm_budget_crossed_total",
            "Windows whose money came to the soft line, or ran out.",
            kCrossingLabels);
constinit const Family kBudgetOverspent = {
    "llm_budget_overspent_usd_total",
    "Dollars charged beyond budgets, by true usage above its estimate.",
    Type::kCounter, {}, {}, kNanoDecimals};
constinit const Family kKeyRefused =
    counter("llm_key_refused_total",
            "Requests refused for their credential.", kKeyLabels);
constinit const Family kUnpriced =
    counter("llm_unpriced_requests_total",
            "Requests for models that the price table does not know.",
            kModelLabels);
constinit const Family kReservations =
    gauge("llm_reservations", "Reservations that are open now.");
constinit const Family kAccounts =
    gauge("llm_limit_accounts", "Accounts that limits and budgets keep.");
constinit const Family kLeasesEnded =
    counter("llm_leases_ended_total",
            "Reservations that came back because nobody ended them.");
constinit const Family kLedgerRepairs =
    counter("llm_ledger_repairs_total",
            "Locks of the ledger taken over from killed workers.");

constinit const Family kSemanticCandidates =
    counter("llm_semantic_candidates_total",
            "Stored answers whose prompt was near enough to be judged.");
constinit const Family kSemanticVetoes =
    counter("llm_semantic_vetoes_total",
            "Candidates that a guard kept back.", kVetoLabels);
constinit const Family kSemanticSimilarity = histogram(
    "llm_semantic_similarity", "Cosine of the nearest stored prompt.", {},
    kSimilarityBuckets, 3);
constinit const Family kSemanticEncode = histogram(
    "llm_semantic_encode_seconds", "Time to turn a prompt into a vector.",
    {}, kEncodeBuckets, kNanoDecimals);
constinit const Family kSemanticUnencoded =
    counter("llm_semantic_unencoded_total",
            "Prompts that the encoder had no vector for, or not in time.");
constinit const Family kSemanticAudited =
    counter("llm_semantic_audited_total",
            "Semantic hits that were asked upstream as well, by whether "
            "both answers agreed.",
            kAuditLabels);
constinit const Family kSemanticObserved =
    counter("llm_semantic_observed_total",
            "Requests under llm observe that a near match would have "
            "answered at this threshold.",
            kThresholdLabels);
constinit const Family kSemanticVectors =
    gauge("llm_semantic_vectors", "Vectors in the index.");
constinit const Family kSemanticPartitions =
    gauge("llm_semantic_partitions", "Partitions of the index.");
constinit const Family kSemanticBytes =
    gauge("llm_semantic_bytes", "Shared memory in use by vectors.");

constinit const Family kWatchLoads =
    counter("llm_watch_loads_total", "Loads of watched files.", kWatchLabels);

constinit const Family kSnapshots =
    counter("llm_snapshots_total", "Snapshots of what is spent.",
            kSnapshotLabels);

constinit const Family kAlerts =
    counter("llm_alerts_total", "Alerts by what became of them.",
            kAlertLabels);

constinit const Family kAttempts =
    counter("llm_upstream_attempts_total",
            "Attempts at an upstream by what became of them.",
            kAttemptLabels);
constinit const Family kCooldowns =
    counter("llm_provider_cooldowns_total",
            "Providers left alone for a while, and taken back.",
            kCooldownLabels);
constinit const Family kProviderState =
    gauge("llm_provider_state",
          "Cooldown of a provider, or of a model there: 0 closed, 1 half "
          "open, 2 open.",
          kProviderStateLabels);
constinit const Family kCooldownRefused =
    counter("llm_provider_refused_total",
            "Attempts that were not made, as the provider is left alone.");
constinit const Family kCooldownProbes =
    counter("llm_provider_probes_total",
            "Attempts to find out whether a provider is well again.");

constinit const Family kDroppedSeries =
    counter("llm_metrics_dropped_series_total",
            "Look-ups of a series that found the metrics region full and "
            "were counted as other.");
constinit const Family kSeries =
    gauge("llm_metrics_series", "Series in the metrics region.");
constinit const Family kBuildInfo =
    gauge("llm_build_info", "Always 1; the labels say what runs.",
          kBuildLabels);

namespace {

constexpr const Family* kAll[] = {
    &kTokenUsage,     &kRequestDuration, &kTimeToFirstToken,
    &kTimePerOutputToken, &kRequests,    &kSystemRequests,
    &kCacheRequests,
    &kCacheStores,    &kCacheEntries,    &kCacheBytes,
    &kCacheCapacity,  &kCacheEvictions,  &kCacheCorrupt,
    &kCacheRecovered, &kSavedTokens,     &kPurgedEntries,
    &kObservedTokens,
    &kUsageEstimated, &kEstimateError,   &kStreamEnds,
    &kErrors,         &kOverhead,        &kLimitRequests,
    &kLimitUnchecked, &kBudgetCrossed,   &kBudgetOverspent, &kKeyRefused,
    &kUnpriced,       &kReservations,    &kAccounts,
    &kLeasesEnded,    &kLedgerRepairs,   &kSemanticCandidates,
    &kSemanticVetoes, &kSemanticSimilarity, &kSemanticEncode,
    &kSemanticUnencoded, &kSemanticAudited, &kSemanticObserved,
    &kSemanticVectors,
    &kSemanticPartitions, &kSemanticBytes, &kWatchLoads,
    &kSnapshots,
    &kAlerts,         &kAttempts,        &kCooldowns,
    &kProviderState,  &kCooldownRefused, &kCooldownProbes,
    &kDroppedSeries,  &kSeries,          &kBuildInfo};

}  // namespace

std::span<const Family* const> all_families() { return kAll; }

Bytes reason_label(Bytes reason) {
    size_t colon = reason.find(':');
    Bytes detail = colon == Bytes::npos ? Bytes() : reason.substr(colon + 1);
    bool number = detail.find_first_of("0123456789") != Bytes::npos;
    return number || detail.empty() ? reason.substr(0, colon) : reason;
}

void append_table_samples(const Table& table, std::vector<Sample>& samples) {
    samples.push_back({&kDroppedSeries, {},
                       static_cast<int64_t>(table.dropped())});
    samples.push_back({&kSeries, {}, static_cast<int64_t>(table.used())});
}

}  // namespace llm::metrics
