package localday

import (
	"fmt"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/day"
	issuersim "switchyard/issuer-sim"
	"switchyard/switch/api"
)

// cardPool is the number of different cards that the day's payments are made with.
const cardPool = 1_000_000

// Plan is the day of a seed.
func Plan(seed uint64, now time.Time) day.Plan {
	cards := loadgen.NewCards(now)
	return day.Plan{
		Seed: seed, Run: fmt.Sprintf("demo%d", seed%1_000_000), Merchants: day.Merchants,
		Declines: declines(now), Card: cards.Card, Cards: cardPool,
	}
}

// declines are the declines of the day, each with a card of issuer-sim that brings it about.
func declines(now time.Time) []day.Decline {
	good := now.AddDate(3, 0, 0).Format("0601")
	all := []day.Decline{
		{Code: "51", Why: "funds"}, {Code: "54", Why: "expired card"}, {Code: "N7", Why: "wrong CVC"},
		{Code: "14", Why: "unknown card"}, {Code: "41", Why: "lost card"}, {Code: "61", Why: "limit"},
	}
	for i := range all {
		d := &all[i]
		d.Card = api.Card{Number: issuersim.TestCardFor(d.Code), Expiry: good, CVC: "123"}
		if d.Code == "54" {
			d.Card.Expiry = now.AddDate(-1, 0, 0).Format("0601")
		}
	}
	return all
}
