package operator

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"switchyard/switch/issuer/saf"
	"switchyard/switch/journal"
)

// Advice is a row of the store-and-forward queue as GET /v1/saf shows it, one a line.
type Advice struct {
	Host    string    `json:"host"`
	Seq     uint64    `json:"seq"`
	Payment string    `json:"payment"`
	Op      int       `json:"op"`
	Kind    string    `json:"kind"`
	RRN     string    `json:"rrn"`
	Queued  time.Time `json:"queued"`
	Parked  bool      `json:"parked"`
	Reason  string    `json:"reason,omitempty"` // why it is parked
}

// serveSAF streams the queue; ?parked=true only what waits for a person.
func (a *API) serveSAF(w http.ResponseWriter, r *http.Request) {
	onlyParked, err := flag(r, "parked")
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	const bufferBytes = 64 << 10
	out := bufio.NewWriterSize(w, bufferBytes)
	enc := json.NewEncoder(out)
	err = a.o.Queue.List(r.Context(), func(row journal.SAFRow) bool {
		if onlyParked && !row.Parked {
			return true
		}
		shown := Advice{
			Host: row.Host, Seq: row.Seq, Payment: row.Payment.String(), Op: row.Op, Queued: row.Queued.UTC(),
			Parked: row.Parked, Reason: row.Reason,
		}
		if p, err := a.o.Journal.Payment(r.Context(), row.Payment); err == nil && row.Op < len(p.Ops) {
			shown.Kind, shown.RRN = p.Ops[row.Op].Kind.String(), p.Ops[row.Op].RRN
		}
		return enc.Encode(shown) == nil
	})
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		panic(http.ErrAbortHandler) // the status is sent: a broken body tells that the list is not whole
	}
}

// serveSAFDecision retries or closes a parked advice: ?host=…&seq=….
func (a *API) serveSAFDecision(w http.ResponseWriter, r *http.Request) {
	seq, err := strconv.ParseUint(r.FormValue("seq"), 10, 64)
	if err != nil {
		err = fmt.Errorf("seq: %q: expected the sequence that the list shows", r.FormValue("seq"))
		writeError(w, http.StatusBadRequest, err)
		return
	}
	ref := journal.SAFRef{Host: r.FormValue("host"), Seq: seq}
	decide := a.o.Queue.Retry
	if r.URL.Path == "/v1/saf/close" {
		decide = a.o.Queue.CloseParked
	}
	switch err := decide(r.Context(), ref); {
	case errors.Is(err, saf.ErrNotParked):
		writeError(w, http.StatusNotFound, err)
	case errors.Is(err, saf.ErrOvertaken):
		writeError(w, http.StatusConflict, err)
	case err != nil:
		writeError(w, http.StatusInternalServerError, err)
	default:
		writeJSON(w, http.StatusOK, map[string]any{"host": ref.Host, "seq": ref.Seq})
	}
}
