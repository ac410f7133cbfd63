package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"switchyard/switch/operator"
)

// newSafCmd is `switchctl saf`: what waits for the issuer's acknowledgement, and what it refused.
func newSafCmd() *cobra.Command {
	var operator string
	cmd := &cobra.Command{
		Use:   "saf",
		Short: "Look after the store-and-forward queue",
		Long: `The store-and-forward queue holds captures and reversals that the switch has accepted and the issuer has not
acknowledged yet. What the issuer refuses for good is parked until a person retries or closes it.

Exit codes: 0 done; 1 no such parked advice; 2 no answer.`,
	}
	cmd.PersistentFlags().StringVar(&operator, "operator", defaultOperator, "operator API of the switch")
	cmd.AddCommand(
		newSafListCmd(&operator),
		newSafDecisionCmd(&operator, "retry", "Send a parked advice again"),
		newSafDecisionCmd(&operator, "close", "End a parked advice that was settled otherwise; the record says so for good"),
	)
	return cmd
}

func newSafListCmd(operator *string) *cobra.Command {
	var parked, asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the queue",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path := "/v1/saf"
			if parked {
				path += "?parked=true"
			}
			body, err := fetch(cmd.Context(), http.MethodGet, "http://"+*operator+path, nil)
			if err != nil {
				return err
			}
			defer body.Close()
			if asJSON {
				_, err := io.Copy(cmd.OutOrStdout(), body)
				return err
			}
			return writeAdvices(cmd.OutOrStdout(), body)
		},
	}
	cmd.Flags().BoolVar(&parked, "parked", false, "only what waits for a person")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object a line")
	return cmd
}

func writeAdvices(w io.Writer, body io.Reader) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "HOST\tSEQ\tPAYMENT\tWHAT\tRRN\tQUEUED\tSTATE")
	count := 0
	for dec := json.NewDecoder(body); ; count++ {
		var a operator.Advice
		if err := dec.Decode(&a); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("the switch's answer breaks off after %d advices: %w", count, err)
		}
		state := "queued"
		if a.Parked {
			state = "parked: " + a.Reason
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", a.Host, a.Seq, a.Payment, a.Kind, a.RRN, a.Queued.Format(time.RFC3339), state)
	}
	if count == 0 {
		_, err := fmt.Fprintln(w, "the queue is empty")
		return err
	}
	return table.Flush()
}

func newSafDecisionCmd(operator *string, verb, short string) *cobra.Command {
	return &cobra.Command{
		Use:   verb + " HOST SEQ",
		Short: short,
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := strconv.ParseUint(args[1], 10, 64); err != nil {
				return fmt.Errorf("SEQ: %q: expected the number that `switchctl saf list` shows", args[1])
			}
			query := url.Values{"host": {args[0]}, "seq": {args[1]}}.Encode()
			_, err := request(cmd.Context(), http.MethodPost, "http://"+*operator+"/v1/saf/"+verb+"?"+query, nil)
			var status *statusError
			if errors.As(err, &status) && status.code == http.StatusNotFound && !status.noPath {
				fmt.Fprintf(cmd.ErrOrStderr(), "host %s has no parked advice %s\n", args[0], args[1])
				return errNo
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s: done\n", args[0], args[1])
			return nil
		},
	}
}
