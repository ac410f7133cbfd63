package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"switchyard/switch/casebook"
	"switchyard/switch/matching"
)

// serveCasebook streams what people have said of exceptions of reconciliations as JSON lines.
func (a *API) serveCasebook(w http.ResponseWriter, r *http.Request) {
	serveLines(a, w, r, a.o.Casebook.Each)
}

// serveNote keeps a note, ?text=, of ?exception=.
func (a *API) serveNote(w http.ResponseWriter, r *http.Request) {
	e, err := a.o.Casebook.Note(context.WithoutCancel(r.Context()), matching.Note{
		Exception: r.FormValue("exception"), Text: r.FormValue("text"), Who: asking(r).name, By: r.FormValue("by"),
	})
	answerEntry(w, &e, err)
}

// serveManualMatch keeps a match by hand of each ?ours[]= and ?theirs[]=: a name, a blank and its net in minor units.
func (a *API) serveManualMatch(w http.ResponseWriter, r *http.Request) {
	m, err := manualMatch(r)
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	e, err := a.o.Casebook.Match(context.WithoutCancel(r.Context()), m)
	answerEntry(w, &e, err)
}

// mayMatch tells whether it could be kept now.
func (a *API) mayMatch(w http.ResponseWriter, r *http.Request) bool {
	m, err := manualMatch(r)
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return false
	}
	if err = a.o.Casebook.MayMatch(m); err != nil {
		answerEntry(w, nil, err)
	}
	return err == nil
}

// manualMatch is the match that is asked for.
func manualMatch(r *http.Request) (matching.Manual, error) {
	m := matching.Manual{
		Relation: matching.Relation(r.FormValue("relation")), Currency: r.FormValue("currency"),
		Reason: r.FormValue("reason"), Who: asking(r).name, By: r.FormValue("by"),
	}
	var err error
	for _, side := range []struct {
		name string
		into *[]matching.Item
	}{{"ours[]", &m.Ours}, {"theirs[]", &m.Theirs}} {
		for _, text := range r.Form[side.name] {
			item, failed := parseItem(text)
			if failed != nil {
				err = errors.Join(err, fmt.Errorf("%s: %w", side.name, failed))
			}
			*side.into = append(*side.into, item)
		}
	}
	if text := r.FormValue("difference"); text != "" {
		var failed error
		if m.DifferenceMinor, failed = strconv.ParseInt(text, 10, 64); failed != nil {
			err = errors.Join(err, fmt.Errorf("difference: %q: expected minor units", text))
		}
	}
	return m, err
}

// parseItem reads a name, a blank and a net in minor units.
func parseItem(text string) (item matching.Item, err error) {
	at := strings.LastIndexByte(text, ' ')
	if at > 0 {
		item.Ref = text[:at]
		item.NetMinor, err = strconv.ParseInt(text[at+1:], 10, 64)
	}
	if at <= 0 || err != nil || item.NetMinor > maxNetMinor || item.NetMinor < -maxNetMinor {
		return item, fmt.Errorf("%q: expected a name, a blank and what it comes to in minor units", text)
	}
	return item, nil
}

// maxNetMinor bounds what an item comes to, so that the sums of a match do not overflow.
const maxNetMinor = 1 << 56

// serveUndoMatch takes the match by hand of ?number= back.
func (a *API) serveUndoMatch(w http.ResponseWriter, r *http.Request) {
	u, err := undo(r)
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	e, err := a.o.Casebook.Undo(context.WithoutCancel(r.Context()), u)
	answerEntry(w, &e, err)
}

// mayUndoMatch tells whether it could be taken back now.
func (a *API) mayUndoMatch(w http.ResponseWriter, r *http.Request) bool {
	u, err := undo(r)
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return false
	}
	if err = a.o.Casebook.MayUndo(u); err != nil {
		answerEntry(w, nil, err)
	}
	return err == nil
}

// undo is what is to be taken back.
func undo(r *http.Request) (casebook.Undo, error) {
	number, err := strconv.Atoi(r.FormValue("number"))
	if err != nil {
		return casebook.Undo{}, fmt.Errorf("number: %q: expected that of a match", r.FormValue("number"))
	}
	return casebook.Undo{
		Match: number, Reason: r.FormValue("reason"), Stamp: casebook.Stamp{Who: asking(r).name, By: r.FormValue("by")},
	}, nil
}

func answerEntry(w http.ResponseWriter, e *casebook.Entry, err error) {
	refused, field := (*casebook.RefusedError)(nil), (*casebook.FieldError)(nil)
	switch {
	case errors.As(err, &field):
		writeError(w, http.StatusBadRequest, err)
	case errors.As(err, &refused):
		writeError(w, http.StatusConflict, err)
	case err != nil:
		writeError(w, http.StatusInternalServerError, err)
	default:
		writeJSON(w, http.StatusOK, e)
	}
}
