package incoming

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// What waits for a person stands in lists of the file that it came in: rejected presentments and chargebacks. A list is
// one of the file's once the file's record counts it.

// listed names an operation of a payment, and the record by which it is listed.
type listed struct {
	ID     string `json:"id"` // as Reject and Dispute have it
	Source string `json:"source"`
}

// mostOfAList is how many stand in a list, exceptions too.
const mostOfAList = 8192

func rejectsName(number, list int) string {
	return fmt.Sprintf("%s/rejects/%06d", fileName(number), list)
}

func disputesName(number, list int) string {
	return fmt.Sprintf("%s/disputes/%06d", fileName(number), list)
}

// fullLists makes durable what waits for a person, once it fills a list.
func (a *applying) fullLists(ctx context.Context) error {
	if len(a.rejects) < mostOfAList && len(a.disputes) < mostOfAList {
		return nil
	}
	return a.putLists(ctx)
}

// putLists makes durable what waits for a person and stands in no list yet.
func (a *applying) putLists(ctx context.Context) error {
	if err := a.list(ctx, rejectsName, &a.file.RejectLists, &a.rejects); err != nil {
		return err
	}
	return a.list(ctx, disputesName, &a.file.DisputeLists, &a.disputes)
}

func (a *applying) list(
	ctx context.Context, name func(number, list int) string, lists *int, all *[]listed,
) error {
	if len(*all) == 0 {
		return nil
	}
	if err := a.putJSON(ctx, name(a.file.Number, *lists+1), *all); err != nil {
		return err
	}
	*lists++
	*all = (*all)[:0]
	return nil
}

// operationOf finds the payment and operation that an id names; no payment where there is none.
func (d *Desk) operationOf(ctx context.Context, id string) (p *payment.Payment, op int, err error) {
	text, number, _ := strings.Cut(id, "-")
	name, err := payment.ParseID(text)
	op, err2 := strconv.Atoi(number)
	if err != nil || err2 != nil {
		return nil, 0, nil
	}
	p, err = d.o.Journal.Payment(ctx, name)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return nil, 0, nil
	case err != nil:
		return nil, 0, err
	case op < 0 || op >= len(p.Ops):
		return nil, 0, nil
	}
	return p, op, nil
}
