package issuersim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"switchyard/internal/money"
)

// maxBody is the longest body of a control request but a clearing file.
const maxBody = 1 << 20

// handler is the control HTTP. It asks nobody who they are, hence loopback.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /v1/stats", s.getStats)
	mux.HandleFunc("GET /v1/ledger", s.getLedger)
	mux.HandleFunc("GET /v1/authorizations", func(w http.ResponseWriter, r *http.Request) {
		rrn := r.URL.Query().Get("rrn")
		stream(w, s.issuer.each, func(v *authorizationView) bool { return rrn == "" || v.RRN == rrn })
	})
	mux.HandleFunc("GET /v1/holds", func(w http.ResponseWriter, _ *http.Request) {
		stream(w, s.issuer.each, func(v *authorizationView) bool { return v.Hold != 0 })
	})
	mux.HandleFunc("GET /v1/test-cards", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, TestCards()) })
	for _, path := range []string{"/v1/cards", "/v1/accounts"} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			stream(w, s.issuer.eachCard, func(*cardView) bool { return true })
		})
		mux.HandleFunc("GET "+path+"/{pan}", s.getCard)
		mux.HandleFunc("PUT "+path+"/{pan}", s.putCard)
	}
	mux.HandleFunc("GET /v1/rules", s.getRules)
	mux.HandleFunc("PUT /v1/rules", s.putRules)
	mux.HandleFunc("POST /v1/rules", s.putRules)
	mux.HandleFunc("POST /v1/clearing", s.postClearing)
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
	kept
}

func (s *Server) getStats(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, Stats{
		UptimeSeconds: int64(time.Since(s.started).Seconds()),
		Answered:      s.metrics.answers(),
		Connections:   s.open(),
		Delayed:       s.waiting.Load(),
		Rules:         len(s.issuer.rules.Load().rules),
		kept:          s.issuer.kept(),
	})
}

// Ledger returns the books as they stand.
func (s *Server) Ledger() Ledger { return s.issuer.ledger() }

// Audit holds every card and authorization against the books and says what does not add up, nil if everything does. It
// keeps the cards of one shard after another waiting.
func (s *Server) Audit() []string { return s.issuer.audit() }

// getLedger shows the books; with ?audit=1 after having held every card and authorization against them.
func (s *Server) getLedger(w http.ResponseWriter, r *http.Request) {
	v := struct {
		Ledger
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
func pathCard(w http.ResponseWriter, r *http.Request) (digits, bool) {
	number, ok := parseDigits([]byte(r.PathValue("pan")))
	if !ok || !number.luhn() {
		writeError(w, http.StatusNotFound, errNoCard)
		return 0, false
	}
	return number, true
}

func (s *Server) getCard(w http.ResponseWriter, r *http.Request) {
	if number, ok := pathCard(w, r); ok {
		writeJSON(w, http.StatusOK, s.issuer.card(number))
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
	change := cardChange{status: cardStatuses, limit: -1}
	if body.Status != nil {
		n := slices.Index(cardStatusNames[:], *body.Status)
		if n < 0 {
			writeError(w, http.StatusBadRequest, fmt.Errorf("status: want one of %v", cardStatusNames))
			return
		}
		change.status = CardStatus(n)
	}
	if body.Limit != nil {
		if change.limit = *body.Limit; change.limit < 0 {
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
		if !ok || *body.Balance > maxBalance || *body.Balance < -maxBalance {
			writeError(w, http.StatusBadRequest, fmt.Errorf("want a currency such as EUR, and a balance of at most %d minor units either way", int64(maxBalance)))
			return
		}
		n, _ := parseNumber([]byte(c.Numeric))
		change.currency, change.balance = uint16(n), *body.Balance
	}
	if err := s.issuer.change(number, change); err != nil {
		writeError(w, http.StatusServiceUnavailable, err)
		return
	}
	writeJSON(w, http.StatusOK, s.issuer.card(number))
}

func (s *Server) getRules(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(s.issuer.rules.Load().text)
}

// putRules replaces the rules by the body, which is a rules file. They last until they are replaced or the server ends.
func (s *Server) putRules(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRulesBytes))
	if err == nil && len(text) == 0 {
		err = errors.New("rules: want YAML, there is nothing; rules: [] is no rules")
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	rules, err := ParseRules("rules", bytes.NewReader(text))
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	s.SetRules(rules)
	writeJSON(w, http.StatusOK, map[string]int{"rules": len(rules.rules)})
}

// postPause makes the whole host stand still for ?for=5s.
func (s *Server) postPause(w http.ResponseWriter, r *http.Request) {
	d, err := time.ParseDuration(r.URL.Query().Get("for"))
	if err != nil || d <= 0 || d > maxDelay {
		writeError(w, http.StatusBadRequest, fmt.Errorf("for: want a duration up to %v", maxDelay))
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
