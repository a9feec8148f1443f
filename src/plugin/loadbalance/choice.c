/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/loadbalance/choice.h"

#include <netinet/in.h>
#include "io/random.h"

size_t nd_choice_preference(const struct loadbalance *lb, uint16_t type, const uint8_t *rdata)
{
	struct nd_addr a = nd_addr_from(type == ND_TYPE_A ? AF_INET : AF_INET6, rdata, 0);
	size_t i = 0;

	while (i < lb->nprefer && !nd_cidr_has(&lb->prefer[i], &a))
		i++;
	return i;
}

static unsigned weight_of(const struct loadbalance *lb, const struct nd_answer *a,
			  const struct nd_record *r)
{
	struct nd_reader at = nd_reader_over(a->w.base, a->w.pos);
	struct nd_name_buf buf;
	struct nd_name owner;

	at.pos = a->w.base + r->owner;
	if (nd_name_read(&at, true, &buf, &owner))
		return 1;
	return nd_weights_of(nd_weightfile_table(lb->weights), owner, a->w.base + r->rdata,
			     r->rdata_len);
}

unsigned nd_choice_draw(const struct loadbalance *lb, const struct nd_answer *a, unsigned section)
{
	uint32_t sum = 0, at = 0;

	for (unsigned i = 0; i < a->n; i++)
		if (a->record[i].section == section && nd_choice_is_plain(&a->record[i]))
			sum += weight_of(lb, a, &a->record[i]);
	uint32_t drawn = sum ? nd_random_below(sum) : 0;
	for (unsigned i = 0; i < a->n && sum; i++)
		if (a->record[i].section == section && nd_choice_is_plain(&a->record[i]) &&
		    (at += weight_of(lb, a, &a->record[i])) > drawn)
			return i;
	return a->n;
}
