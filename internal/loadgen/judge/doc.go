// Package judge says of a recorded run whether its figures mean something, and then whether they are good enough.
//
//	record.Run ──▶ did the tool do what it was asked? ──▶ are the thresholds met? ──▶ record.Verdict
//
// A run is valid if the tool sent what was due when it was due: no arrival was dropped, it was not late by itself, it
// had processors left, each request has an outcome, and it was not called off. A run that is not valid never passes,
// whatever its figures are: they may be the tool's own.
//
// A threshold is a line such as
//
//	p99 < 20ms        authorize.p99.9 <= 50ms        errors < 1%        approved > 95%        capture.requests >= 100
//
// of all requests, or of those of an operation. Beside them some request must be approved, each have an answer, and at
// most DefaultErrors of them be errors, but for the requests of which a threshold says otherwise: one of approved,
// declined or rate, of errors or unanswered, of errors.
package judge
