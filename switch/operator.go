package txswitch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"switchyard/switch/cutover"
	"switchyard/switch/issuer/route"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

const (
	operatorHeaderTimeout = 5 * time.Second
	// maxCutoverWait bounds ?wait= of a cutover.
	maxCutoverWait = 10 * time.Minute
	// maxExportYears bounds a range of business dates, of which each is looked for.
	maxExportYears = 10
	// operatorGrace is how long a stopping switch goes on answering operators that have asked already.
	operatorGrace = time.Second
)

// operatorAPI serves operators and their tools: metrics, health, cutover and the exports that the audit reads. It shows
// no card in clear. It is bound to loopback unless the config says otherwise and asks nobody who they are.
func (s *Switch) operatorAPI() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.o.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", s.serveReady)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /v1/stats", s.serveStats)
	mux.HandleFunc("GET /v1/payments", s.servePayments)
	mux.HandleFunc("GET /v1/explain", s.serveExplain)
	mux.HandleFunc("GET /v1/strays", s.serveStrays)
	mux.HandleFunc("GET /v1/saf", s.serveSAF)
	mux.HandleFunc("POST /v1/saf/retry", s.unlessHeld(s.serveSAFDecision))
	mux.HandleFunc("POST /v1/saf/close", s.unlessHeld(s.serveSAFDecision))
	mux.HandleFunc("GET /v1/days", s.serveDays)
	mux.HandleFunc("POST /v1/cutover", s.unlessHeld(s.serveCutover))
	mux.HandleFunc("GET /v1/clock", s.serveClock)
	mux.HandleFunc("POST /v1/clock/confirm", s.serveConfirmClock)
	mux.HandleFunc("GET /v1/restore", s.serveReview)
	mux.HandleFunc("POST /v1/restore/confirm", s.serveConfirm)
	mux.HandleFunc("POST /v1/backup", s.serveBackup)
	// A page in a browser on this machine could post here; it may not.
	return http.NewCrossOriginProtection().Handler(mux)
}

// closeOperator ends the operator API, whether it was served or not.
func (s *Switch) closeOperator() error {
	ctx, cancel := context.WithTimeout(context.Background(), operatorGrace)
	defer cancel()
	if s.operator.Shutdown(ctx) != nil {
		_ = s.operator.Close() // cuts off who reads too slowly
	}
	if err := s.o.Operator.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Unready returns why the switch does not serve everything yet, or "".
func (s *Switch) Unready() string {
	if s.stopping.Load() {
		return "the switch is stopping"
	}
	if h := s.journal.Hold(); h != nil {
		return "held until an operator confirms it (switchctl restore review): " + strings.Join(h.Reasons, "; ")
	}
	for _, r := range s.router.table.Routes() {
		ready := slices.ContainsFunc(r.Hosts, func(h route.WeightedHost) bool { return s.issuers[h.Host].Host.Ready() })
		if !ready {
			return "route " + r.Name + ": no link to any of its issuers is signed on"
		}
	}
	return ""
}

func (s *Switch) serveReady(w http.ResponseWriter, _ *http.Request) {
	if why := s.Unready(); why != "" {
		http.Error(w, why, http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
	for _, warning := range s.Warnings() {
		fmt.Fprintln(w, "warning:", warning)
	}
}

// Warnings tells what needs a person although the switch serves.
func (s *Switch) Warnings() (warnings []string) {
	if warning := s.Clock().Warning; warning != "" {
		warnings = append(warnings, warning)
	}
	for _, p := range s.engine.Problems() {
		warnings = append(warnings, fmt.Sprintf("business date %s is closed, and since %s its files cannot be written: %v",
			p.Date, p.Since.Format(time.RFC3339), p.Err))
	}
	return warnings
}

// Stats is what GET /v1/stats answers.
type Stats struct {
	InFlight    int                    `json:"in_flight"` // requests being served, and those of an earlier run that have no outcome yet
	SAF         SAFStats               `json:"saf"`
	Links       map[string][]LinkStats `json:"links"` // by host
	OpenDay     string                 `json:"open_day"`
	ClearingDir string                 `json:"clearing_dir"`
	Held        bool                   `json:"held,omitempty"` // until an operator confirms what was restored
	Unready     string                 `json:"unready,omitempty"`
	// Clock is what is wrong with the clock.
	Clock string    `json:"clock,omitempty"`
	Now   time.Time `json:"now"` // the switch's clock: what it dates operations by
}

// LinkStats is where one link to an issuer stands.
type LinkStats struct {
	Link   string `json:"link"`
	State  string `json:"state"`  // down, signing_on, up, draining
	InUse  int    `json:"in_use"` // slots of its window
	Window int    `json:"window"`
}

// SAFStats counts advices.
type SAFStats struct {
	Queued int            `json:"queued"`
	Parked int            `json:"parked"`
	ByHost map[string]int `json:"by_host"` // queued
}

// Stats returns where the switch stands.
func (s *Switch) Stats() Stats {
	st := Stats{
		InFlight: s.flow.InFlight() + s.flow.Unrecovered(), Links: map[string][]LinkStats{}, OpenDay: s.journal.OpenDay().String(),
		ClearingDir: s.o.FS.PathJoin(s.o.Config.Data, clearingDir), Unready: s.Unready(),
		Clock: s.Clock().Warning,
		Now:   s.clock.Now(),
	}
	st.Held = s.journal.Hold() != nil
	st.SAF.Queued, st.SAF.Parked = s.saf.Counts()
	if st.Held { // nothing is sent, so nothing is counted in memory
		_ = s.saf.List(func(r journal.SAFRow) bool {
			if r.Parked {
				st.SAF.Parked++
			} else {
				st.SAF.Queued++
			}
			return true
		})
	}
	st.SAF.ByHost = map[string]int{}
	for _, h := range s.hosts {
		st.SAF.ByHost[h.Name()] = s.saf.Queued(h.Name())
		for _, l := range h.Links() {
			st.Links[h.Name()] = append(st.Links[h.Name()], LinkStats(l))
		}
	}
	return st
}

func (s *Switch) serveStats(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.Stats())
}

func (s *Switch) serveDays(w http.ResponseWriter, _ *http.Request) {
	days, err := ExportDays(s.journal)
	problems := s.engine.Problems()
	for i := range days {
		for _, p := range problems {
			if p.Date.String() == days[i].Date {
				days[i].Problem = p.Err.Error()
			}
		}
	}
	if err != nil {
		writeError(w, http.StatusInternalServerError, err)
		return
	}
	writeJSON(w, http.StatusOK, days)
}

func dayState(s journal.DayState) string {
	switch s {
	case journal.DayOpen:
		return "open"
	case journal.DayClosing:
		return "closing"
	case journal.DaySealed:
		return "sealed"
	case journal.DayWritten:
		return "written"
	}
	return fmt.Sprintf("state %d", s)
}

// serveCutover closes the open business date; it returns once its files stand under their final names. ?ahead=true
// closes the date after the calendar's, too; ?to=DATE opens that date and not the next.
func (s *Switch) serveCutover(w http.ResponseWriter, r *http.Request) {
	if err := knownParameters(r, "wait", "ahead", "to"); err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	wait := time.Minute
	if text := r.FormValue("wait"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 || d > maxCutoverWait {
			writeError(w, http.StatusBadRequest, fmt.Errorf("wait: %q: expected a duration of at most %s", text, maxCutoverWait))
			return
		}
		wait = d
	}
	to, err := cutoverDate(r)
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	// A caller that hangs up does not leave the day half closed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), wait)
	defer cancel()
	var result cutover.Result
	if to != 0 {
		result, err = s.engine.CutoverTo(ctx, to)
	} else {
		result, err = s.engine.Cutover(ctx, r.FormValue("ahead") == "true")
	}
	switch {
	case refusedCutover(err):
		writeError(w, http.StatusConflict, err)
	case err != nil:
		s.o.Logger.Error("cutover failed", zap.Error(err))
		writeError(w, http.StatusInternalServerError, err)
	default:
		writeJSON(w, http.StatusOK, result)
	}
}

// cutoverDate is ?to=, 0 without it.
func cutoverDate(r *http.Request) (payment.Date, error) {
	text := r.FormValue("to")
	if text == "" {
		return 0, nil
	}
	if r.FormValue("ahead") != "" {
		return 0, errors.New("to: given together with ahead; expected one of them")
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0, fmt.Errorf("to: %q: expected a business date, like 2026-11-21", text)
	}
	return payment.DateOf(day), nil
}

// refusedCutover tells whether a cutover was refused for what the date is, with nothing done.
func refusedCutover(err error) bool {
	return slices.ContainsFunc([]error{
		cutover.ErrNotBegun, cutover.ErrOvertaken, cutover.ErrTooFar, cutover.ErrUsed, cutover.ErrPast,
		cutover.ErrUnconfirmed,
	}, func(reason error) bool { return errors.Is(err, reason) })
}

// knownParameters refuses a request with a parameter that its path does not have: a misspelt one would be passed over.
func knownParameters(r *http.Request, known ...string) error {
	for name := range r.URL.Query() {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%s: no such parameter: expected %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// serveBackup writes a consistent copy of the journal to the new folder ?dir=, while the switch runs.
func (s *Switch) serveBackup(w http.ResponseWriter, r *http.Request) {
	dir := r.FormValue("dir")
	if err := knownParameters(r, "dir"); err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	if dir == "" {
		writeError(w, http.StatusBadRequest, errors.New("dir: missing; expected a new folder"))
		return
	}
	if _, err := s.o.FS.Stat(dir); err == nil {
		writeError(w, http.StatusConflict, fmt.Errorf("dir: %s exists; expected a new folder", dir))
		return
	}
	begin := time.Now()
	m, err := s.journal.Backup(dir)
	if err != nil {
		writeError(w, http.StatusInternalServerError, err)
		return
	}
	s.o.Logger.Info("backup written", zap.String("dir", dir), zap.Uint64("position", m.Position), zap.Duration("took",
		time.Since(begin)))
	writeJSON(w, http.StatusOK, map[string]any{"dir": dir, "position": m.Position})
}

// servePayments streams the journal's payments as JSON lines; with ?from= and ?to= those that clear on these business
// dates; or the one that ?payment= names.
func (s *Switch) servePayments(w http.ResponseWriter, r *http.Request) {
	if err := knownParameters(r, "payment", "from", "to"); err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	if text := r.FormValue("payment"); text != "" {
		id, err := payment.ParseID(text)
		if err != nil {
			writeError(w, http.StatusBadRequest, fmt.Errorf("payment: %w", err))
			return
		}
		p, err := s.journal.Payment(id)
		switch {
		case errors.Is(err, journal.ErrNotFound):
			writeError(w, http.StatusNotFound, errors.New("no such payment"))
		case err != nil:
			writeError(w, http.StatusInternalServerError, err)
		default:
			s.servePayment(w, p)
		}
		return
	}
	export := func() error { return ExportPayments(s.journal, w) }
	if r.FormValue("from") != "" || r.FormValue("to") != "" {
		first, err := dateParameter(r, "from")
		last, err2 := dateParameter(r, "to")
		switch most := first.Time().AddDate(maxExportYears, 0, 0); {
		case err != nil || err2 != nil:
			err = cmp.Or(err, err2)
		case last < first || last.Time().After(most):
			err = fmt.Errorf("to: %s: expected %s or a date of the %d years after it", last, first, maxExportYears)
		}
		if err != nil {
			writeError(w, http.StatusBadRequest, err)
			return
		}
		export = func() error { return ExportDated(s.journal, w, first, last) }
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	if err := export(); err != nil {
		// The status is sent already: a broken chunked body is how the reader learns that the export is not whole.
		s.o.Logger.Error("export of payments failed", zap.Error(err))
		panic(http.ErrAbortHandler)
	}
}

func (s *Switch) servePayment(w http.ResponseWriter, p *payment.Payment) {
	e, err := ExportPayment(s.journal, p)
	if err != nil {
		writeError(w, http.StatusInternalServerError, err)
		return
	}
	writeJSON(w, http.StatusOK, e)
}

// dateParameter reads a business date; both ends of a range are needed.
func dateParameter(r *http.Request, name string) (payment.Date, error) {
	date, err := payment.ParseDate(r.FormValue(name))
	if err != nil {
		return 0, fmt.Errorf("%s: %w; a range has from and to", name, err)
	}
	return date, nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // the reader has gone; there is nobody to tell
}

func writeError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]string{"error": err.Error()})
}
