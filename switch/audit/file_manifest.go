package audit

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"switchyard/internal/money"
)

// manifestForm is a manifest, as docs/clearing.md describes it.
type manifestForm struct {
	BusinessDate string `json:"business_date"`
	Destination  string `json:"destination"`
	FileID       string `json:"file_id"`
	SealedAt     string `json:"sealed_at"`
	Mode         string `json:"mode"`
	CodePage     string `json:"code_page"`
	Blocked      bool   `json:"blocked"`
	RDW          bool   `json:"rdw"`
	Files        []struct {
		Name   string `json:"name"`
		SHA256 string `json:"sha256"`
		Bytes  int64  `json:"bytes"`
	} `json:"files"`
	Totals struct {
		Messages     int64           `json:"messages"`
		Presentments int64           `json:"presentments"`
		SumMinor     int64           `json:"sum_minor"`
		Currencies   []currencyTally `json:"currencies"`
	} `json:"totals"`
}

// maxManifest bounds a manifest: a few hundred currencies of a line each.
const maxManifest = 1 << 20

// manifest holds a manifest against the file's records, the bytes of the files and what the switch says of the date.
func (r *fileReader) manifest(in io.Reader, parts map[string]*part) error {
	var m manifestForm
	if err := json.NewDecoder(io.LimitReader(in, maxManifest)).Decode(&m); err != nil {
		r.book.differ(Manifest, r.name, "cannot be read: %v", err)
		return nil
	}
	says := func(what string, is, want any) {
		if is != want {
			r.book.differ(Manifest, r.name, "%s: it says %v, the file %v", what, is, want)
		}
	}
	says("business_date", m.BusinessDate, r.file.date)
	says("file_id", m.FileID, r.file.id)
	says("mode", m.Mode, r.mode)
	says("code_page", m.CodePage, r.codePage)
	says("blocked", m.Blocked, r.framing.Blocked)
	says("rdw", m.RDW, r.framing.RDW)
	says("totals.messages", m.Totals.Messages, r.messages)
	says("totals.presentments", m.Totals.Presentments, r.records)
	says("totals.sum_minor", m.Totals.SumMinor, r.sum)
	r.manifestCurrencies(&m)
	r.manifestDay(&m)
	for _, end := range []string{endIPM, endDetail, endSummary} {
		p := parts[end]
		if p == nil {
			continue
		}
		sum, bytes, err := p.digest()
		if err != nil {
			return err
		}
		listed := false
		for _, f := range m.Files {
			if strings.HasSuffix(f.Name, end) {
				listed = true
				says("sha256 of "+f.Name, f.SHA256, sum)
				says("bytes of "+f.Name, f.Bytes, bytes)
			}
		}
		if !listed {
			r.book.differ(Manifest, r.name, "its files do not name the %s", end)
		}
	}
	return nil
}

func (r *fileReader) manifestCurrencies(m *manifestForm) {
	for i := range m.Totals.Currencies {
		m.Totals.Currencies[i].Currency = money.Current(m.Totals.Currencies[i].Currency)
	}
	for _, is := range m.Totals.Currencies {
		want := r.tallies[is.Currency]
		if want == nil {
			want = &currencyTally{Currency: is.Currency}
		}
		if is != *want {
			r.book.differ(Manifest, r.name, "totals of %s: it says %s, the file %s", is.Currency, is.text(), want.text())
		}
	}
	for currency := range r.tallies {
		if !slices.ContainsFunc(m.Totals.Currencies, func(t currencyTally) bool { return t.Currency == currency }) {
			r.book.differ(Manifest, r.name, "totals: it has none of %s", currency)
		}
	}
}

func (t *currencyTally) text() string {
	return fmt.Sprintf("%d debits of %d and %d credits of %d", t.DebitCount, t.DebitMinor, t.CreditCount, t.CreditMinor)
}

// manifestDay holds it against what the journal fixed when the date, or its window, was sealed.
func (r *fileReader) manifestDay(m *manifestForm) {
	s := r.book.calendar.settings(r.file.date, r.file.id)
	if s == nil {
		return
	}
	says := func(what string, is, want any) {
		if is != want {
			r.book.differ(Manifest, r.name, "%s: it says %v, the journal %v", what, is, want)
		}
	}
	mode := "T"
	if s.Production {
		mode = "P"
	}
	says("mode", m.Mode, mode)
	form := s.form(m.Destination)
	says("code_page", m.CodePage, form.CodePage)
	says("blocked", m.Blocked, form.Blocked)
	says("rdw", m.RDW, form.RDW)
	if !s.SealedAt.IsZero() {
		says("sealed_at", m.SealedAt, s.SealedAt.UTC().Format(time.RFC3339Nano))
	}
	for _, f := range r.book.calendar.files(r.file.date) {
		if f.FileID == r.file.id {
			says("destination", m.Destination, f.Destination)
		}
	}
}
