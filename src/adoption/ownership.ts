import { error, type Finding, warning } from "./finding.ts";
import { type Installation, isControllerOn, isSpeakerOn } from "./installation.ts";
import { type Given, type GivenObjects, idOf } from "./objects.ts";
import { RIVALS, type Rival } from "./rivals.ts";

/** A cluster, and the Services that are meant. */
export interface OwnershipInput {
  readonly objects: GivenObjects;
  readonly installations: readonly Installation[];
  /** Empty is Services without a class. */
  readonly loadBalancerClass: string;
}

/** Who owns Services beside the one that should: nobody, if all is well. */
export function ownershipFindings(input: OwnershipInput): readonly Finding[] {
  return [...twoOwners(input), ...RIVALS.flatMap((rival) => rivalFindings(rival, input))];
}

/** Controllers of one class would write the same Services, and speakers announce them. */
function twoOwners({ installations }: OwnershipInput): readonly Finding[] {
  return installations.flatMap((one, i) =>
    installations.slice(i + 1).flatMap((other) => {
      if (one.loadBalancerClass !== other.loadBalancerClass || one.product === other.product) return [];
      const which = one.loadBalancerClass === "" ? "without a class" : `of class ${one.loadBalancerClass}`;
      const both = `${one.product} in ${one.namespace} and ${other.product} in ${other.namespace} both`;
      const remedy = "stop one, or give Herald a loadBalancerClass";
      if (isControllerOn(one.controller) && isControllerOn(other.controller))
        return [error("two-owners", other.controller?.object, `${both} serve Services ${which}: ${remedy}`)];
      if (isSpeakerOn(one.speaker) && isSpeakerOn(other.speaker))
        return [error("two-owners", other.speaker?.object, `${both} announce Services ${which}: ${remedy}`)];
      return [];
    }),
  );
}

function rivalFindings(rival: Rival, input: OwnershipInput): readonly Finding[] {
  const present = rival.present(input.objects);
  const claimed = inScope(input).filter((service) => rival.claims(service, input.objects));
  const found: Finding[] = [];
  if (present !== undefined) found.push(warning("rival-present", present, `${rival.name} is here: ${rival.remedy}`));
  for (const service of claimed) {
    const by = present === undefined ? "" : `, see ${idOf(present)}`;
    found.push(error("service-claimed", service, `${rival.name} serves this Service${by}: ${rival.remedy}`));
  }
  return found;
}

function inScope({ objects, loadBalancerClass }: OwnershipInput): readonly Given[] {
  return objects.of("Service").filter(({ fields }) => {
    const spec = fields.object("spec");
    return spec?.string("type") === "LoadBalancer" && (spec.string("loadBalancerClass") ?? "") === loadBalancerClass;
  });
}
