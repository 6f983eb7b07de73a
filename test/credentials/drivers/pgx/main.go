// Logs in with pgx: one attempt per line of standard input, one result per line of standard output.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func logIn(field []string) (string, error) {
	options := []string{
		"host=localhost",
		"port=" + field[2],
		"user=" + field[0],
		"password='" + field[1] + "'",
		"dbname=shop",
	}
	if field[3] == "1" {
		options = append(options, "sslmode=verify-full", "sslrootcert="+field[5])
	} else {
		options = append(options, "sslmode=disable")
	}
	if field[4] == "1" {
		options = append(options, "channel_binding=require")
	}
	if field[6] != "" {
		options = append(options, "sslcert="+field[6], "sslkey="+field[7])
	}
	ctx := context.Background()
	connection, err := pgx.Connect(ctx, strings.Join(options, " "))
	if err != nil {
		return "", err
	}
	defer connection.Close(ctx)
	var who string
	err = connection.QueryRow(ctx, "select current_user").Scan(&who)
	return who, err
}

func main() {
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		who, err := logIn(strings.Split(input.Text(), "\t"))
		var refused *pgconn.PgError
		switch {
		case err == nil:
			fmt.Printf("in\t%s\n", who)
		case errors.As(err, &refused):
			fmt.Printf("out\t%s\t%s\n", refused.Code, refused.Message)
		default:
			fmt.Printf("out\t\t%s\n", strings.Join(strings.Fields(err.Error()), " "))
		}
	}
}
