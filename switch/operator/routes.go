package operator

import (
	"fmt"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"switchyard/switch/incoming"
)

// Route is a request that the API answers.
type Route struct {
	Pattern    string // of http.ServeMux
	Role       Role   // that who asks needs
	Parameters []string
}

// endpoint is a route with what serves it.
type endpoint struct {
	Route
	serve serving
}

type serving func(*API, http.ResponseWriter, *http.Request)

// anything is the parameter of what has a query of its own form.
const anything = "*"

// file, as a parameter, says that the request's body is a file and has no parameters.
const file = "<file>"

// fixParameters are those of a fix.
var fixParameters = append([]string{"id"}, incoming.Fixable()...)

// profile are the parameters of Go's profiles.
var profile = []string{"debug", "gc", "seconds"}

// endpoints are all requests that the API answers. What shows needs read, also where it is a POST, since a parameter
// may be a card number; what changes something needs operate, or, where it decides about money, approve: to close an
// advice is to say that it was settled otherwise, what a wrong clock sweeps is gone, and a hold stands between a switch
// and what it does not know.
var endpoints = []endpoint{
	{Route{"GET /metrics", RoleRead, []string{"name[]"}}, (*API).serveMetrics},
	{Route{"GET /healthz", RoleRead, nil}, serveHealth},
	{Route{"GET /readyz", RoleRead, nil}, (*API).serveReady},
	{Route{"GET /debug/pprof/", RoleRead, profile}, ofProcess(pprof.Index)},
	{Route{"GET /debug/pprof/profile", RoleRead, profile}, ofProcess(pprof.Profile)},
	{Route{"GET /debug/pprof/trace", RoleRead, profile}, ofProcess(pprof.Trace)},
	{Route{"GET /debug/pprof/symbol", RoleRead, []string{anything}}, ofProcess(pprof.Symbol)}, // addresses
	{Route{"GET /v1/stats", RoleRead, nil}, (*API).serveStats},
	{Route{"GET /v1/payments", RoleRead, []string{"payment", "from", "to", "first", "last"}}, (*API).servePayments},
	{Route{"POST /v1/payments/search", RoleRead, []string{"of", "merchant", "key", "reference", "status", "from", "to",
		"amount", "currency", "after", "limit"}}, (*API).servePaymentSearch},
	{Route{"GET /v1/explain", RoleRead, []string{"of"}}, (*API).serveExplain},
	{Route{"GET /v1/strays", RoleRead, nil}, (*API).serveStrays},
	{Route{"GET /v1/saf", RoleRead, []string{"parked"}}, (*API).serveSAF},
	{Route{"POST /v1/saf/retry", RoleOperate, []string{"host", "seq"}}, unlessHeld((*API).serveSAFDecision)},
	{Route{"POST /v1/saf/close", RoleApprove, []string{"host", "seq"}}, unlessHeld((*API).serveSAFDecision)},
	{Route{"GET /v1/days", RoleRead, nil}, (*API).serveDays},
	{Route{"POST /v1/cutover", RoleOperate, []string{"wait", "ahead", "to", "window"}}, unlessHeld((*API).serveCutover)},
	{Route{"GET /v1/clearing/check", RoleRead, []string{"date"}}, (*API).serveClearingCheck},
	{Route{"POST /v1/clearing/rebuild", RoleOperate, []string{"date", "dir"}}, (*API).serveRebuild},
	{Route{"POST /v1/clearing/release", RoleApprove, []string{"date", "destination", "window"}},
		unlessHeld((*API).serveRelease)},
	{Route{"POST /v1/clearing/refuse", RoleApprove, []string{"date", "reason"}}, unlessHeld((*API).serveRefusal)},
	{Route{"GET /v1/reconciliations", RoleRead, []string{"date"}}, (*API).serveReconciliations},
	{Route{"GET /v1/reconciliations/counted", RoleRead, []string{"date", "host"}}, (*API).serveCounted},
	{Route{"POST /v1/reconciliations/again", RoleOperate, []string{"date"}}, unlessHeld((*API).serveReconcileAgain)},
	{Route{"GET /v1/reconciliations/casebook", RoleRead, nil}, (*API).serveCasebook},
	{Route{"POST /v1/reconciliations/note", RoleOperate, []string{"exception", "text", "by"}},
		unlessHeld((*API).serveNote)},
	{Route{"POST /v1/reconciliations/match", RoleApprove,
		[]string{"relation", "currency", "ours[]", "theirs[]", "difference", "reason", "by"}},
		unlessHeld((*API).serveManualMatch)},
	{Route{"POST /v1/reconciliations/unmatch", RoleApprove, []string{"number", "reason", "by"}},
		unlessHeld((*API).serveUndoMatch)},
	{Route{"GET /v1/clearing/incoming", RoleRead, nil}, (*API).serveIncoming},
	{Route{"GET /v1/clearing/exceptions", RoleRead, nil}, (*API).serveExceptions},
	{Route{"GET /v1/clearing/rejects", RoleRead, []string{"id", "all"}}, (*API).serveRejects},
	{Route{"POST /v1/clearing/rejects/fix", RoleOperate, fixParameters}, unlessHeld((*API).serveFix)},
	{Route{"POST /v1/clearing/rejects/resubmit", RoleOperate, []string{"id"}}, unlessHeld((*API).serveResubmit)},
	{Route{"POST /v1/clearing/rejects/writeoff", RoleApprove, []string{"id", "reason"}},
		unlessHeld((*API).serveWriteOff)},
	{Route{"GET /v1/disputes", RoleRead, []string{"id", "state", "due_before"}}, (*API).serveDisputes},
	{Route{"POST /v1/disputes/represent", RoleOperate, []string{"id", "reason", "amount", label}},
		unlessHeld((*API).serveRepresent)},
	{Route{"POST /v1/disputes/accept", RoleApprove, []string{"id", label}}, unlessHeld((*API).serveAcceptDispute)},
	{Route{"GET /v1/approvals", RoleRead, []string{"all"}}, (*API).serveApprovals},
	{Route{"POST /v1/approvals/withdraw", RoleOperate, []string{"number"}}, unlessHeld((*API).serveWithdraw)},
	{Route{"POST /v1/clearing/receive", RoleOperate, []string{"name", file}}, unlessHeld((*API).serveReceive)},
	{Route{"GET /v1/clock", RoleRead, nil}, (*API).serveClock},
	{Route{"POST /v1/clock/confirm", RoleApprove, nil}, (*API).serveConfirmClock},
	{Route{"GET /v1/restore", RoleRead, []string{"limit"}}, (*API).serveReview},
	{Route{"POST /v1/restore/confirm", RoleApprove, []string{"token", "recover"}}, (*API).serveConfirm},
	{Route{"GET /v1/acts", RoleRead, []string{"after"}}, (*API).serveActs},
	{Route{"POST /v1/backup", RoleOperate, []string{"dir"}}, (*API).serveBackup},
}

// Routes lists all requests that the API answers.
func Routes() []Route {
	all := make([]Route, len(endpoints))
	for i := range endpoints {
		all[i] = endpoints[i].Route
	}
	return all
}

// ofProcess serves what is told of the process and not of the switch.
func ofProcess(serve http.HandlerFunc) serving {
	return func(_ *API, w http.ResponseWriter, r *http.Request) { serve(w, r) }
}

func (a *API) serveMetrics(w http.ResponseWriter, r *http.Request) {
	promhttp.HandlerFor(a.o.Metrics, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}

func serveHealth(_ *API, w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }

// callerKey is the context's key of who asks.
type callerKey struct{}

// asking is who asks.
func asking(r *http.Request) *caller { return r.Context().Value(callerKey{}).(*caller) }
