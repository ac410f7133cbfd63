package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"switchyard/internal/money"
	"switchyard/internal/webguard"
	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/message"
	"switchyard/issuer-sim/rules"
)

// maxBody is the longest body of a control request but a clearing file.
const maxBody = 1 << 20

// guarded is the control HTTP, which no web page may use.
func (s *Server) guarded(hosts []string) http.Handler {
	guard, control := webguard.New(webguard.Options{Hosts: hosts, Configured: "one of control_hosts"}), s.handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := guard.Check(r); err != nil {
			writeError(w, http.StatusForbidden, err)
			return
		}
		control.ServeHTTP(w, r)
	})
}

// handler serves the control HTTP's requests. It asks nobody who they are, hence loopback.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /v1/stats", s.getStats)
	mux.HandleFunc("GET /v1/ledger", s.getLedger)
	mux.HandleFunc("GET /v1/authorizations", s.getAuthorizations)
	mux.HandleFunc("GET /v1/holds", func(w http.ResponseWriter, _ *http.Request) {
		all := func(do func([]book.AuthorizationView) bool) { s.book.Each(nil, do) }
		stream(w, all, func(v *book.AuthorizationView) bool { return v.Hold != 0 })
	})
	mux.HandleFunc("GET /v1/test-cards", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, book.TestCards())
	})
	for _, path := range []string{"/v1/cards", "/v1/accounts"} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			stream(w, s.book.EachCard, func(*book.CardView) bool { return true })
		})
		mux.HandleFunc("GET "+path+"/{pan}", s.getCard)
		mux.HandleFunc("PUT "+path+"/{pan}", s.putCard)
	}
	mux.HandleFunc("GET /v1/rules", s.getRules)
	mux.HandleFunc("PUT /v1/rules", s.putRules)
	mux.HandleFunc("POST /v1/rules", s.putRules)
	mux.HandleFunc("GET /v1/clearing", s.getClearing)
	mux.HandleFunc("POST /v1/clearing", s.postClearing)
	mux.HandleFunc("POST /v1/clearing/window", s.postWindow)
	mux.HandleFunc("POST /v1/clearing/chargebacks", s.order(s.desk.ChargeBack))
	mux.HandleFunc("POST /v1/clearing/retrievals", s.order(s.desk.Retrieve))
	mux.HandleFunc("POST /v1/clearing/fees", s.order(s.desk.Charge))
	mux.HandleFunc("POST /v1/pause", s.postPause)
	mux.HandleFunc("POST /v1/announce-cutover", s.postCutover)
	mux.HandleFunc("POST /v1/forget", s.postForget)
	return mux
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // who went away needs no answer
}

func writeError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]string{"error": err.Error()})
}

// readJSON reads a body that may hold only known fields.
func readJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		writeError(w, http.StatusBadRequest, err)
		return false
	}
	return true
}

// Stats is what GET /v1/stats shows.
type Stats struct {
	UptimeSeconds int64  `json:"uptime_seconds"`
	Answered      uint64 `json:"answered"`
	Connections   int    `json:"connections"`
	Delayed       int64  `json:"delayed"`
	Rules         int    `json:"rules"`
	book.Kept
}

func (s *Server) getStats(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, Stats{
		UptimeSeconds: int64(time.Since(s.started).Seconds()),
		Answered:      s.metrics.answers(),
		Connections:   s.open(),
		Delayed:       s.waiting.Load(),
		Rules:         s.rules.Load().Count(),
		Kept:          s.book.Kept(),
	})
}

// Ledger returns the books as they stand.
func (s *Server) Ledger() book.Ledger { return s.book.Ledger() }

// Audit holds every card and authorization against the books and says what does not add up, nil if everything does. It
// keeps the cards of one shard after another waiting.
func (s *Server) Audit() []string { return s.book.Audit() }

// getLedger shows the books; with ?audit=1 after having held every card and authorization against them.
func (s *Server) getLedger(w http.ResponseWriter, r *http.Request) {
	v := struct {
		book.Ledger
		Wrong []string `json:"wrong,omitempty"`
	}{Ledger: s.Ledger()}
	if r.URL.Query().Get("audit") != "" {
		v.Wrong = s.Audit()
		v.Balanced = v.Balanced && v.Wrong == nil
	}
	writeJSON(w, http.StatusOK, v)
}

// stream writes what each yields and fits, a JSON object a line.
func stream[V any](w http.ResponseWriter, each func(func([]V) bool), fits func(*V) bool) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	var buffer bytes.Buffer
	lines := json.NewEncoder(&buffer)
	each(func(chunk []V) bool {
		buffer.Reset()
		for n := range chunk {
			if fits(&chunk[n]) && lines.Encode(&chunk[n]) != nil {
				return false
			}
		}
		_, err := w.Write(buffer.Bytes())
		return err == nil
	})
}

var errNoCard = errors.New("want a card number of 12 to 19 digits with a valid Luhn digit")

// pathCard reads the card number of a path. It must go into no log: the path is not logged anywhere.
func pathCard(w http.ResponseWriter, r *http.Request) (message.Digits, bool) {
	number, ok := message.ParseDigits([]byte(r.PathValue("pan")))
	if !ok || !number.Luhn() {
		writeError(w, http.StatusNotFound, errNoCard)
		return 0, false
	}
	return number, true
}

func (s *Server) getCard(w http.ResponseWriter, r *http.Request) {
	if number, ok := pathCard(w, r); ok {
		writeJSON(w, http.StatusOK, s.book.Card(number))
	}
}

// putCard changes a card: its status, its limit, or its balance in a currency.
func (s *Server) putCard(w http.ResponseWriter, r *http.Request) {
	number, ok := pathCard(w, r)
	if !ok {
		return
	}
	var body struct {
		Status   *string `json:"status"`
		Limit    *int64  `json:"limit"`
		Currency string  `json:"currency"`
		Balance  *int64  `json:"balance"`
	}
	if !readJSON(w, r, &body) {
		return
	}
	change := book.NoChange()
	if body.Status != nil {
		status, err := book.ParseCardStatus(*body.Status)
		if err != nil {
			writeError(w, http.StatusBadRequest, err)
			return
		}
		change.Status = status
	}
	if body.Limit != nil {
		if change.Limit = *body.Limit; change.Limit < 0 {
			writeError(w, http.StatusBadRequest, errors.New("limit: want minor units, 0 for none"))
			return
		}
	}
	if (body.Balance == nil) != (body.Currency == "") {
		writeError(w, http.StatusBadRequest, errors.New("balance and currency: want both or none"))
		return
	}
	if body.Balance != nil {
		c, ok := money.Lookup(body.Currency)
		if !ok || *body.Balance > book.MaxBalance || *body.Balance < -book.MaxBalance {
			writeError(w, http.StatusBadRequest, fmt.Errorf(
				"want a currency such as EUR, and a balance of at most %d minor units either way", int64(book.MaxBalance)))
			return
		}
		n, _ := message.ParseNumber([]byte(c.Numeric))
		change.Currency, change.Balance = uint16(n), *body.Balance
	}
	if err := s.book.Change(number, change); err != nil {
		writeError(w, http.StatusServiceUnavailable, err)
		return
	}
	writeJSON(w, http.StatusOK, s.book.Card(number))
}

func (s *Server) getRules(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(s.rules.Load().Written())
}

// putRules replaces the rules by the body, which is a rules file. They last until they are replaced or the server ends.
func (s *Server) putRules(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, rules.MaxBytes))
	if err == nil && len(text) == 0 {
		err = errors.New("rules: want YAML, there is nothing; rules: [] is no rules")
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	// One after another: as nodes they take two hundred times what they are long.
	s.parsing.Lock()
	rules, err := rules.Parse("rules", bytes.NewReader(text))
	s.parsing.Unlock()
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	s.SetRules(rules)
	writeJSON(w, http.StatusOK, map[string]int{"rules": rules.Count()})
}

// postPause makes the whole host stand still for ?for=5s.
func (s *Server) postPause(w http.ResponseWriter, r *http.Request) {
	d, err := time.ParseDuration(r.URL.Query().Get("for"))
	if err != nil || d <= 0 || d > rules.MaxDelay {
		writeError(w, http.StatusBadRequest, fmt.Errorf("for: want a duration up to %v", rules.MaxDelay))
		return
	}
	s.gate.pause(d)
	writeJSON(w, http.StatusOK, map[string]string{"paused": d.String()})
}

// postForget loses the memory of answered messages, as a day does.
func (s *Server) postForget(w http.ResponseWriter, _ *http.Request) {
	s.Forget()
	writeJSON(w, http.StatusOK, map[string]bool{"forgotten": true})
}
